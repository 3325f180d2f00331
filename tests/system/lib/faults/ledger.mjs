// The sums of /metrics: nothing is dropped without a counter (docs/delivery.md, The ledger).

const SIDES = [
  [['parley_messages_received_total'], ['parley_messages_accepted_total',
    'parley_messages_repeated_total', 'parley_messages_refused_total',
    'parley_messages_unknown_total']],
  [['parley_offered_total'], ['parley_deliveries_total', 'parley_output_messages']],
];

// What does not add up, one line each. metrics: see member.mjs.
export function imbalances(metrics) {
  const valuesOf = (name) => Object.entries(metrics)
    .filter(([key]) => key === name || key.startsWith(`${name}{`)).map(([, value]) => value);
  const missing = SIDES.flat(2).filter((name) => valuesOf(name).length === 0);
  if (missing.length > 0) return missing.map((name) => `${name} is missing`);
  const sum = (name) => valuesOf(name).reduce((all, value) => all + value);
  return SIDES.filter(([left, right]) => total(left, sum) !== total(right, sum))
    .map(([left, right]) => `${describe(left, sum)} is not ${describe(right, sum)}`);
}

function total(names, sum) {
  return names.reduce((all, name) => all + sum(name), 0);
}

function describe(names, sum) {
  return names.map((name) => `${name} ${sum(name)}`).join(' + ');
}

// The sums of /metrics: nothing is dropped without a counter (docs/delivery.md, The ledger).

// What does not add up, one line each. metrics: see member.mjs.
export function imbalances(metrics) {
  const sum = (name) => Object.entries(metrics)
    .filter(([key]) => key === name || key.startsWith(`${name}{`))
    .reduce((total, [, value]) => total + value, 0);
  const sides = [
    [['parley_messages_received_total'], ['parley_messages_accepted_total',
      'parley_messages_repeated_total', 'parley_messages_refused_total',
      'parley_messages_unknown_total']],
    [['parley_offered_total'], ['parley_deliveries_total', 'parley_output_messages']],
  ];
  return sides.filter(([left, right]) => total(left, sum) !== total(right, sum))
    .map(([left, right]) => `${describe(left, sum)} is not ${describe(right, sum)}`);
}

function total(names, sum) {
  return names.reduce((all, name) => all + sum(name), 0);
}

function describe(names, sum) {
  return names.map((name) => `${name} ${sum(name)}`).join(' + ');
}

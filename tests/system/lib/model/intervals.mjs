// Sets of moments, as lists of { from, to }. Moments are milliseconds, and may be infinite.

// The same moments in order, without overlap.
export function union(intervals) {
  const result = [];
  for (const { from, to } of [...intervals].sort((a, b) => a.from - b.from)) {
    const last = result.at(-1);
    if (to <= from) continue;
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else result.push({ from, to });
  }
  return result;
}

export function complement(intervals) {
  const result = [];
  let from = -Infinity;
  for (const interval of union(intervals)) {
    if (interval.from > from) result.push({ from, to: interval.from });
    from = interval.to;
  }
  if (from < Infinity) result.push({ from, to: Infinity });
  return result;
}

export function intersect(some, others) {
  return union(some.flatMap((one) => others.map((other) => ({
    from: Math.max(one.from, other.from), to: Math.min(one.to, other.to),
  }))));
}

export function subtract(some, others) {
  return intersect(some, complement(others));
}

// Whether they have a moment in common; touching does not count.
export function overlap(one, other) {
  return one.from < other.to && other.from < one.to;
}

// The interval, made longer so that it begins in none of `others` (in order, without overlap): back
// to `before` the one that it began in.
export function stretchBack(interval, others, before) {
  return others.reduceRight((whole, other) => (overlap(whole, other)
    ? { from: Math.min(whole.from, other.from - before), to: whole.to } : whole), interval);
}

// Likewise at its end: until `after` the last one that it meets.
export function stretchOn(interval, others, after) {
  return others.reduce((whole, other) => (overlap(whole, other)
    ? { from: whole.from, to: Math.max(whole.to, other.to + after) } : whole), interval);
}

// What people and gateways write: hosts, names, ids.

// Where the WebSockets of HOST or HOST:PORT are; undefined when it is neither.
export function gatewayUrl(host) {
  try {
    const url = new URL(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${host}`);
    return url.href === `${url.origin}/` ? url.href : undefined;
  } catch {
    return undefined;
  }
}

// docs/protocol.md, "Connecting".
export function isName(name) {
  return /^[^\x00-\x1f\x7f]+$/.test(name) && new TextEncoder().encode(name).length <= 128;
}

// Ids are MS-SEQ, and compare as numbers.
export function isUpTo(id, bound) {
  const [ms, sequence] = id.split('-').map(Number);
  const [boundMs, boundSequence] = bound.split('-').map(Number);
  return ms < boundMs || (ms === boundMs && sequence <= boundSequence);
}

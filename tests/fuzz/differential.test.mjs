// What the scanner accepts is what JSON.parse accepts. Documents are made by mutating good ones,
// from a seed that is printed; PARLEY_SEED=N repeats a run, PARLEY_DOCUMENTS=N makes it longer.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import test from 'node:test';

const build = path.resolve(process.env.PARLEY_BUILD ?? 'build');
const program = path.join(build, 'tests', 'scan_check');

// What scan_check says of each document.
async function scanAll(documents) {
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const input = documents.flatMap((document) => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(document.length);
    return [head, document];
  });
  child.stdin.on('error', () => {}); // its exit status says why it stopped reading
  child.stdin.end(Buffer.concat(input));
  let output = '';
  child.stdout.setEncoding('latin1').on('data', (chunk) => (output += chunk));
  assert.equal(await exited, 0, 'scan_check failed');
  return output.split('\n').slice(0, -1);
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }); // keeps a BOM

function parses(document) {
  try {
    JSON.parse(decoder.decode(document));
    return true;
  } catch {
    return false;
  }
}

function show(document) {
  return `${JSON.stringify(document.toString('latin1'))} (hex ${document.toString('hex')})`;
}

async function compare(documents) {
  const verdicts = await scanAll(documents);
  assert.equal(verdicts.length, documents.length);
  let accepted = 0;
  documents.forEach((document, index) => {
    const expected = parses(document) ? 'accept' : 'reject';
    assert.equal(verdicts[index], expected, show(document));
    accepted += expected === 'accept';
  });
  return accepted;
}

// mulberry32, a 32-bit generator: small, and the same everywhere.
function generator(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) % below;
  };
}

const SCALARS = [
  '0', '-0', '1', '-1.5', '1e9', '1E+9', '1.0e-9', '12345678901234567890', '1e400', 'true', 'false',
  'null', '""', '"a"', '"你好"', '"é😀"', '"\\u00e9"', '"\\ud83d\\ude00"', '"\\ud800"', '"\\""',
  '"\\\\"', '"\\/\\b\\f\\n\\r\\t"', '"a longer text of plain letters, with a é at the end"', '"\x7f"',
];
const BLANKS = ['', '', '', ' ', '\t', '\n', '\r', '  \r\n'];
const PIECES = [
  '{', '}', '[', ']', ',', ':', '"', '\\', '\\u', '0', '-', '+', '.', 'e', 'E', ' ', '\0', '\x1f',
  '\x0b', '\x0c', '/', "'", 'a', 'tru', 'nul', 'NaN', 'Infinity', '//', '/**/', '\ufeff', '\u00a0',
  '\u2028', '\u0085', '\\ud800', '\\x41', '\\u123', ',,', '""', '01', '1.', '.5', '--1', '1e',
];

// A document that is JSON, nested at most `depth` deep.
function makeDocument(random, depth) {
  const pick = (list) => list[random(list.length)];
  const blank = () => pick(BLANKS);
  const value = (left) => {
    const kind = left > 0 ? random(4) : 3;
    if (kind > 1) return pick(SCALARS);
    const items = Array.from({ length: random(4) }, () =>
      blank() + (kind === 0 ? `"${pick(['a', 'b', 'ключ', '\\u0061', ''])}"${blank()}:${blank()}` : '')
      + value(left - 1) + blank());
    return kind === 0 ? `{${items.join(',') || blank()}}` : `[${items.join(',') || blank()}]`;
  };
  return Buffer.from(blank() + value(depth) + blank());
}

// One change: bytes taken out, doubled, turned into others, or something put in between.
function mutate(random, document) {
  const at = random(document.length + 1);
  const end = Math.min(document.length, at + 1 + random(3));
  const before = document.subarray(0, at);
  switch (random(6)) {
    case 0:
      return Buffer.concat([before, document.subarray(end)]);
    case 1:
      return Buffer.concat([before, document.subarray(at, end), document.subarray(at)]);
    case 2:
      return Buffer.concat([before, Buffer.from([random(256)]), document.subarray(end)]);
    case 3:
      return Buffer.concat([before, Buffer.from([random(256)]), document.subarray(at)]);
    case 4:
      return before;
    default:
      return Buffer.concat([before, Buffer.from(PIECES[random(PIECES.length)]), document.subarray(at)]);
  }
}

test('documents made by chance are judged as JSON.parse judges them', async (t) => {
  const seed = Number(process.env.PARLEY_SEED ?? Date.now() % 2 ** 32);
  const count = Number(process.env.PARLEY_DOCUMENTS ?? 60000);
  const random = generator(seed);
  const documents = Array.from({ length: count }, () => {
    let document = makeDocument(random, 5);
    for (let changes = random(4); changes > 0; changes--) document = mutate(random, document);
    return document;
  });
  t.diagnostic(`PARLEY_SEED=${seed} PARLEY_DOCUMENTS=${count}`);
  const accepted = await compare(documents);
  t.diagnostic(`${accepted} of them are JSON`);
  // Else the mutations are too wild, or too tame, to find anything.
  assert.ok(accepted > count / 5 && accepted < (count * 4) / 5, `${accepted} of ${count} are JSON`);
});

test('hard cases', async () => {
  const texts = [
    '', ' ', '\0', '1\0', '"\0"', '\ufeff{}', '{}\ufeff', '\u00a01', '\x0b1', '\x0c1', '01', '-01', '00',
    '-', '+1', '1.', '.1', '-.1', '1.e1', '1e', '1e+', '1E-0', '0e0', '-0', '0x1', '1_0', 'NaN',
    '-Infinity', '1e400', '-1e-400', '9'.repeat(400), 'True', 'nul', 'nulll', 'truefalse', '"', '"\\"',
    '"\\', '"\\u"', '"\\u00"', '"\\u00g0"', '"\\U0041"', '"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"',
    '"\\a"', '"\\\'"', '"\\\n"', '"\t"', '"\x1f"', '"\x7f"', '"\u2028\u2029"', '"\u0085"', '"\uffff"',
    "'a'", 'a', '[', ']', '[,]', '[1,]', '[,1]', '[1 2]', '[1,,2]', '[]]', '[[]', '{', '}', '{,}',
    '{"a"}', '{"a":}', '{:1}', '{"a":1,}', '{"a":1 "b":2}', '{a:1}', "{'a':1}", '{1:1}', '{"a":1}}',
    '{"a":1]', '[1}', '{"a":1,"a":2}', '{"":0}', '{"__proto__":1}', '[]{}', '1 1', '[1]//', '/**/1',
    '[1,2,3', '"unfinished', `"${'x'.repeat(7)}\x1f"`, `"${'x'.repeat(8)}\x1f"`, '[1]\u2028',
  ];
  const bytes = [
    '22ff22', '228022', '22c022', '22c0af22', '22c1bf22', '22c3a922', '22c322', '22e2828222', '22e28222',
    '22e0809f22', '22e09fbf22', '22e0a08022', '22ed9fbf22', '22eda08022', '22edbfbf22', '22ee808022',
    '22f0808080', '22f08fbfbf22', '22f090808022', '22f48fbfbf22', '22f490808022', '22f580808022',
    '22f88880808022', '22fe22', '22c35c22', '22e25c753030343122', '7bc3a97d', 'fffe7b007d00',
    '7b007d00', '5bc2a05d',
  ];
  await compare([...texts.map((text) => Buffer.from(text)), ...bytes.map((hex) => Buffer.from(hex, 'hex'))]);
});

test('every byte alone, in a string, after a backslash, in a number and between values', async () => {
  const documents = [];
  for (let byte = 0; byte < 256; byte++) {
    for (const [before, after] of [['', ''], ['"', '"'], ['"aaaaaaa', 'a"'], ['"\\', '"'], ['1', ''],
      ['1', '2'], ['[', ']'], ['[1', '1]'], ['{"a"', '1}'], ['"\\u00', '0"'], ['t', 'ue']]) {
      documents.push(Buffer.concat([Buffer.from(before), Buffer.from([byte]), Buffer.from(after)]));
    }
  }
  await compare(documents);
});

test('two to four bytes that begin like a character beyond ASCII', async () => {
  const documents = [];
  const continuations = [0x00, 0x22, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
  for (let lead = 0x80; lead < 256; lead++) {
    for (const second of continuations) {
      documents.push(Buffer.from([0x22, lead, second, 0x22]));
      for (const third of continuations) {
        documents.push(Buffer.from([0x22, lead, second, third, 0x22]));
        documents.push(Buffer.from([0x22, lead, second, third, 0x80, 0x22]));
      }
    }
  }
  await compare(documents);
});

test('512 levels are accepted, 513 are too deep, whatever is open', async () => {
  const nest = (depth) => [
    '['.repeat(depth) + ']'.repeat(depth),
    '{"a":'.repeat(depth) + '1' + '}'.repeat(depth),
    '[{"a":'.repeat(depth / 2) + (depth % 2 ? '[]' : '1') + '}]'.repeat(depth / 2),
  ].map((text) => Buffer.from(text));
  assert.deepEqual(await scanAll(nest(512)), ['accept', 'accept', 'accept']);
  assert.deepEqual(await scanAll(nest(513)), ['deep', 'deep', 'deep']);
});

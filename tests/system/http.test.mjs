// What the port answers to HTTP that is no WebSocket, or a WebSocket that is refused.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { connectUser, refusal, uniqueUser } from './lib/client.mjs';
import { UPGRADE, request } from './lib/http.mjs';
import { freePort } from './lib/redis.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until, within } from './lib/wait.mjs';

describe('HTTP', () => {
  let system;
  let gateway;
  before(async () => {
    system = await System.start();
    [gateway] = system.gateways;
  });
  after(() => system?.stop());

  const get = (path, options) => request(gateway.port, path, options);

  function assertError(answer, status, word) {
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.headers['content-type'], /^application\/json/);
    assert.deepEqual(Object.keys(answer.json), ['error', 'message']);
    assert.equal(answer.json.error, word);
    assert.ok(answer.json.message.length > 10);
  }

  test('GET and HEAD of /', async () => {
    for (const path of ['/', '/?a=b']) {
      const answer = await get(path);
      assert.equal(answer.status, 200);
      assert.match(answer.headers['content-type'], /^text\/plain/);
      assert.match(answer.text, /^WebSocket server is running\./);
      const head = await get(path, { method: 'HEAD' });
      assert.equal(head.status, 200);
      assert.equal(head.headers['content-length'], answer.headers['content-length']);
      assert.equal(Number(head.headers['content-length']), Buffer.byteLength(answer.text));
      assert.equal(head.text, '');
    }
  });

  test('/ is the page for a browser, and the tutorial\'s line for everybody else', async () => {
    const page = await get('/demo');
    const browser = await get('/', { headers: {
      Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8' } });
    assert.equal(browser.text, page.text);
    assert.equal(browser.headers.vary, 'Accept');
    for (const Accept of ['*/*', 'text/plain', ['application/json', 'text/*;q=0.5']]) {
      const answer = await get('/', { headers: { Accept } });
      assert.equal(answer.text, 'WebSocket server is running.');
      assert.equal(answer.headers.vary, 'Accept');
    }
    // On two lines, which are one list.
    const lines = await get('/', { headers: { Accept: ['text/plain;q=0.5', 'text/html'] } });
    assert.equal(lines.text, page.text);
  });

  test('the files of the page have type, length, tag and policy', async (t) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const types = { demo: 'text/html; charset=utf-8', css: 'text/css; charset=utf-8',
      js: 'text/javascript; charset=utf-8', svg: 'image/svg+xml', ico: 'image/svg+xml' };
    const page = (await get('/demo', { agent })).text;
    const linked = [...page.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path]) => path);
    for (const path of new Set(['/demo', '/favicon.ico', '/demo.js', '/parley.js',
      '/parley/inbox.js', ...linked])) {
      const { status, headers, text } = await get(path, { agent });
      assert.equal(status, 200, path);
      assert.equal(headers['content-type'], types[path.match(/\w+$/)[0]], path);
      assert.equal(Number(headers['content-length']), Buffer.byteLength(text), path);
      assert.match(headers.etag, /^"[0-9a-f]{64}"$/);
      assert.equal(headers['cache-control'], 'no-cache');
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['referrer-policy'], 'no-referrer');
      assert.match(headers['content-security-policy'], /^default-src 'none'/);
      assert.doesNotMatch(headers['content-security-policy'], /unsafe/);

      const head = await get(path, { agent, method: 'HEAD' });
      assert.equal(head.headers['content-length'], headers['content-length']);
      assert.equal(head.text, '');
      const again = await get(path, { agent, headers: { 'If-None-Match': `"x", ${headers.etag}` } });
      assert.equal(again.status, 304);
      assert.equal(again.headers.etag, headers.etag);
      assert.equal(again.text, '');
      assert.equal(again.localPort, head.localPort, 'one connection for all');
    }
    for (const path of ['/parley.js', '/parley/inbox.js']) {
      assert.equal((await get(path)).headers['access-control-allow-origin'], '*', path);
    }
  });

  test('/healthz and /readyz', async () => {
    assert.equal((await get('/healthz')).status, 200);
    assert.equal((await get('/readyz')).status, 200);
  });

  test('an unknown path is 404', async () => {
    for (const path of ['/nothing', '/healthz/', '/healthz&x', '/metricsx', '/chat?user=alice']) {
      assertError(await get(path), 404, 'not_found');
    }
    assert.equal((await get('/nothing', { method: 'HEAD' })).status, 404);
  });

  test('a wrong method is 405 with Allow', async () => {
    for (const path of ['/', '/healthz', '/metrics']) {
      for (const method of ['POST', 'PUT', 'DELETE']) {
        const answer = await get(path, { method, headers: { 'Content-Length': 0 } });
        assertError(answer, 405, 'method_not_allowed');
        assert.deepEqual(answer.headers.allow.split(', ').sort(), ['GET', 'HEAD']);
      }
    }
  });

  test('two requests on one connection', async (t) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const answers = [];
    for (const path of ['/', '/nothing', '/healthz']) answers.push(await get(path, { agent }));
    assert.deepEqual(answers.map(({ status }) => status), [200, 404, 200]);
    assert.equal(new Set(answers.map(({ localPort }) => localPort)).size, 1);
  });

  test('a body of 64 KiB changes nothing, a longer one is 413', async (t) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const post = (bytes) => get('/', { method: 'POST', body: 'x'.repeat(bytes), agent,
      headers: { 'Content-Length': bytes } });
    assertError(await post(64 * 1024), 405, 'method_not_allowed');
    assertError(await post(64 * 1024 + 1), 413, 'too_large');
    assertError(await get('/', { method: 'POST', headers: { 'Content-Length': 1e9 },
      body: 'only the beginning' }), 413, 'too_large');
  });

  test('/metrics is Prometheus text, and its counters move', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const before = parseMetrics((await get('/metrics')).text);
    const a = await connectUser(gateway, alice);
    const b = await connectUser(gateway, bob);
    a.send([
      { receiverID: bob, content: 1, ref: 'r' }, { receiverID: uniqueUser(), content: 2, ref: 's' },
      { receiverID: bob }, { type: 'typing', receiverID: bob },
    ]);
    await a.take(3);
    await b.take(2);
    const answer = await get('/metrics');
    assert.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/);
    const now = parseMetrics(answer.text);

    const moved = (name) => now.get(name) - before.get(name);
    assert.equal(moved('parley_sessions{kind="native"}'), 2);
    assert.equal(moved('parley_sessions_opened_total{kind="native"}'), 2);
    assert.equal(moved('parley_users'), 2);
    assert.equal(moved('parley_frames_received_total'), 1);
    assert.equal(moved('parley_messages_received_total'), 3);
    assert.equal(moved('parley_messages_accepted_total{receiver="online"}'), 1);
    assert.equal(moved('parley_messages_accepted_total{receiver="offline"}'), 1);
    assert.equal(moved('parley_messages_refused_total{code="bad_request"}'), 1);
    assert.equal(moved('parley_errors_total{code="bad_request"}'), 1);
    assert.equal(moved('parley_signals_total{type="typing"}'), 1);
    assert.equal(moved('parley_copies_total{result="made"}'), 2);
    assert.equal(moved('parley_delivery_seconds_count'), 1);
    assert.ok(moved('parley_received_bytes_total') > 100);
    assert.ok(moved('parley_sent_bytes_total') > 100);
    assert.equal(now.get('parley_redis_up'), 1);
    assert.ok(now.get('process_resident_memory_bytes') > 1e6);

    // On its way on another connection: the message to bob, and alice's copies of both.
    const published = 'parley_published_total{result="message"}';
    await until(async () => parseMetrics((await get('/metrics')).text).get(published)
      === before.get(published) + 3, DEADLINE, 'what was published to be counted');

    const closed = 'parley_sessions_closed_total{reason="client"}';
    await a.end();
    await until(async () => parseMetrics((await get('/metrics')).text).get(closed)
      === now.get(closed) + 1, DEADLINE, 'the session to be counted as closed');
  });

  test('--admin-listen moves health and metrics off the public port', async () => {
    const admin = await freePort();
    const moved = await system.addGateway(['--admin-listen', `127.0.0.1:${admin}`]);
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      assertError(await request(moved.port, path), 404, 'not_found');
      // Whatever name the client uses for us, the port decides.
      for (const Host of ['admin', `127.0.0.1:${admin}`]) {
        assertError(await request(moved.port, path, { headers: { Host } }), 404, 'not_found');
      }
      assert.equal((await request(admin, path)).status, 200);
    }
    for (const path of ['/', '/demo', '/parley.js']) {
      assert.equal((await request(moved.port, path)).status, 200);
      assertError(await request(admin, path), 404, 'not_found');
    }
    assertError(await request(admin, '/?user=alice', { headers: UPGRADE }), 404, 'not_found');
  });

  test('two Host headers are 400', async () => {
    const socket = net.connect(gateway.port, '127.0.0.1');
    let answers = '';
    socket.setEncoding('latin1').on('data', (data) => { answers += data; });
    const closed = once(socket, 'close');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n');
    await within(closed, DEADLINE, 'the end of the connection');
    assert.match(answers, /^HTTP\/1.1 400 /);
  });

  test('a body is not waited for, however slowly it comes', async () => {
    const socket = net.connect(gateway.port, '127.0.0.1');
    let answers = '';
    socket.setEncoding('latin1').on('data', (data) => { answers += data; });
    socket.on('error', () => {}); // a reset will do
    const ended = once(socket, 'end');
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\nx');
    await within(ended, DEADLINE, 'the end of the connection');
    assert.match(answers, /^HTTP\/1.1 405 /);
    socket.destroy();
  });

  test('a method without a length does not stall the connection', async () => {
    const socket = net.connect(gateway.port, '127.0.0.1');
    let answers = '';
    socket.setEncoding('latin1').on('data', (data) => { answers += data; });
    const closed = once(socket, 'close');
    socket.write('POST / HTTP/1.1\r\nHost: x\r\n\r\n');
    await within(closed, DEADLINE, 'the end of the connection');
    assert.match(answers, /^HTTP\/1.1 405 /);
    assert.match(answers, /\r\nConnection: close\r\n/);
  });

  describe('an upgrade', () => {
    test('on another path is 404', async () => {
      assertError(await get('/chat?user=alice', { headers: UPGRADE }), 404, 'not_found');
    });

    test('without an identity, or with a bad one, is 400', async () => {
      for (const query of ['/', '/?', '/?x=y', '/?user', '/?user=', '/?user=%01', '/?user=%ff',
        '/?user=a&user=a', '/?user=a&device=x&device=y', `/?user=${'x'.repeat(129)}`,
        '/?userA=', '/?userA=a&userB=', '/?User=a']) {
        const { status, body } = await refusal(gateway, query);
        assert.equal(status, 400, query);
        assert.equal(body.error, 'bad_request', query);
        assert.match(body.message, /user|device/, query);
      }
    });

    test('names and values are percent-encoded, and others are ignored', async () => {
      for (const query of ['/?x=1&user=%61lice&y', '/?%75ser=alice', '/?user=al%69ce&']) {
        const answer = await get(query, { headers: UPGRADE });
        assert.equal(answer.status, 101, query);
      }
    });

    test('with another version of the protocol is 426 and names ours', async () => {
      for (const version of ['8', '0', '14', '13, 8', 'x']) {
        const answer = await get('/?user=alice',
          { headers: { ...UPGRADE, 'Sec-WebSocket-Version': version } });
        assertError(answer, 426, 'upgrade_required');
        assert.equal(answer.headers['sec-websocket-version'], '13');
      }
    });

    test('without a version, or without a key, is refused', async () => {
      for (const missing of ['Sec-WebSocket-Version', 'Sec-WebSocket-Key']) {
        const { [missing]: _, ...headers } = UPGRADE;
        const { status } = await get('/?user=alice', { headers });
        assert.ok(status >= 400 && status < 500, `${missing}: ${status}`);
      }
    });

    test('with a body, or to two protocols, is 400 and ends the connection', async () => {
      const two = { Upgrade: ['h2c', 'websocket'], 'HTTP2-Settings': 'AAMAAABkAAQAAP__' };
      for (const headers of [{ ...UPGRADE, 'Content-Length': '5' }, { ...UPGRADE, ...two }]) {
        const answer = await get('/?user=alice', { headers });
        assertError(answer, 400, 'bad_request');
        assert.equal(answer.headers.connection, 'close');
      }
    });

    test('on a connection that was used before is answered once', async () => {
      const socket = net.connect(gateway.port, '127.0.0.1');
      let answers = '';
      socket.setEncoding('latin1').on('data', (data) => { answers += data; });
      const closed = once(socket, 'close');
      socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
      await until(() => answers.includes('ok'), DEADLINE, 'the first answer');
      socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n');
      await within(closed, DEADLINE, 'the end of the connection');
      assert.equal(answers.match(/^HTTP/gm).length, 2);
    });

    test('to anything but WebSocket is not 101', async () => {
      const settings = { 'HTTP2-Settings': 'AAMAAABkAAQAAP__' };
      for (const [upgrade, headers] of [['h2c', settings], ['h2c', {}], ['TLS/1.0', {}]]) {
        const { status } = await get('/', {
          headers: { Connection: 'Upgrade, HTTP2-Settings', Upgrade: upgrade, ...headers },
        });
        assert.notEqual(status, 101, upgrade);
      }
    });

    test('refused upgrades are counted by status', async () => {
      const before = await gateway.metric('parley_upgrades_refused_total', '{status="400"}');
      await refusal(gateway, '/');
      const now = await gateway.metric('parley_upgrades_refused_total', '{status="400"}');
      assert.equal(now, before + 1);
    });
  });
});

// A Map from name{labels} to value; throws where the text is not the format
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
function parseMetrics(text) {
  const values = new Map();
  const types = new Map();
  assert.ok(text.endsWith('\n'));
  for (const line of text.trimEnd().split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line);
    if (comment) {
      if (comment[1] === 'TYPE') types.set(comment[2], comment[3]);
      continue;
    }
    const sample = /^([a-zA-Z_:][\w:]*)(\{(?:\w+="(?:[^"\\]|\\.)*",?)+\})? (\S+)$/.exec(line);
    assert.ok(sample, `not a sample: ${line}`);
    const [, name, labels = '', value] = sample;
    const family = types.get(name) ? name : name.replace(/_(bucket|sum|count)$/, '');
    assert.match(types.get(family) ?? 'missing', /^(counter|gauge|histogram)$/, line);
    assert.ok(!values.has(name + labels), `twice: ${line}`);
    assert.ok(!Number.isNaN(Number(value)), line);
    values.set(name + labels, Number(value));
  }
  return values;
}

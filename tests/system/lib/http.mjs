// HTTP requests with nothing between the test and the wire but node:http.
import { once } from 'node:events';
import http from 'node:http';
import { DEADLINE, within } from './wait.mjs';

// What makes a GET a WebSocket handshake (RFC 6455, section 4.1).
export const UPGRADE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

// Resolves with { status, headers, text, json, localPort }. options: those of http.request.
export async function request(port, path, { body, ...options } = {}) {
  const sent = http.request({ host: '127.0.0.1', port, path, agent: false, ...options });
  const answer = new Promise((resolve, reject) => {
    sent.on('response', resolve);
    sent.on('error', reject);
    sent.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response);
    });
  });
  sent.end(body);
  const response = await within(answer, DEADLINE, `${options.method ?? 'GET'} ${path}`);
  const { localPort } = response.socket;
  let text = '';
  response.setEncoding('utf8').on('data', (chunk) => { text += chunk; });
  if (response.statusCode !== 101) await within(once(response, 'end'), DEADLINE, 'the body');
  return {
    status: response.statusCode,
    headers: response.headers,
    text,
    localPort,
    get json() { return JSON.parse(text); },
  };
}

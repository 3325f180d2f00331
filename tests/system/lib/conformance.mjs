// What the rfc6455 tests share: a session on raw TCP, and what the gateway makes of some bytes.
import { uniqueUser } from './client.mjs';
import { CLOSE, RawSocket, TEXT, text } from './raw.mjs';

const PROBE = text('{"type":"ping","ref":"probe"}');

// A native session; its welcome is read.
export async function openSession(gateway, user = uniqueUser()) {
  const socket = await RawSocket.open(gateway.port, `/?user=${encodeURIComponent(user)}`);
  socket.user = user;
  await nextJson(socket);
  return socket;
}

// The next frame, which must be text and JSON.
export async function nextJson(socket) {
  const frame = await socket.frame();
  if (frame?.opcode !== TEXT) throw new Error(`a text frame was due, not ${describe(frame)}`);
  return JSON.parse(frame.payload);
}

// The code of the close frame that must be next; undefined when its body is empty.
export async function nextClose(socket) {
  const frame = await socket.frame();
  if (frame?.opcode !== CLOSE) throw new Error(`a close frame was due, not ${describe(frame)}`);
  return frame.payload.length > 0 ? frame.payload.readUInt16BE() : undefined;
}

// Sends bytes to a new session, and a ping of the protocol's behind them in the same segment.
// 'goes on': the ping is answered. 'close CODE': the gateway fails the connection (RFC 6455,
// section 7.1.7) with that code. 'drops': it ends TCP without a close frame.
export async function outcome(gateway, ...bytes) {
  const socket = await openSession(gateway);
  try {
    socket.write(...bytes, PROBE);
    for (;;) {
      const frame = await socket.frame();
      if (!frame) return 'drops';
      if (frame.opcode === CLOSE) return describe(frame);
      if (frame.opcode === TEXT && JSON.parse(frame.payload).ref === 'probe') return 'goes on';
    }
  } finally {
    socket.destroy();
  }
}

function describe(frame) {
  if (!frame) return 'the end';
  if (frame.opcode !== CLOSE) return `frame ${frame.opcode} of ${frame.payload.length} bytes`;
  return frame.payload.length > 0 ? `close ${frame.payload.readUInt16BE()}` : 'close';
}

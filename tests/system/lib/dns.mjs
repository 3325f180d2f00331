// A name server of the test's own (RFC 1035), on a port of 127.0.0.1, and what makes a gateway ask it.
import dgram from 'node:dgram';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buildFolder } from './process.mjs';

const HEADER_BYTES = 12;
const TYPE_A = 1;
const RESPONSE = 0x8180; // an answer, with recursion
export const SERVFAIL = 2;
export const NXDOMAIN = 3;

export class NameServer {
  // Every name is 127.0.0.1. folder: one that the test removes.
  static async start(folder) {
    const server = new NameServer(dgram.createSocket('udp4'));
    server.socket.bind(0, '127.0.0.1');
    await once(server.socket, 'listening');
    server.file = path.join(folder, 'resolv.conf');
    await writeFile(server.file, `nameserver 127.0.0.1:${server.socket.address().port}\n`);
    return server;
  }

  constructor(socket) {
    this.socket = socket;
    this.failure = 0; // answer this code instead
    this.silent = false;
    this.asked = 0;
    socket.on('message', (question, { port, address }) => {
      this.asked++;
      if (!this.silent) socket.send(this.#answer(question), port, address);
    });
  }

  // The environment of a gateway that asks this server. A sanitizer wants to be loaded first.
  get env() {
    return {
      LD_PRELOAD: path.join(buildFolder, 'tests', 'resolv_conf.so'),
      RESOLV_CONF: this.file,
      ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0`,
    };
  }

  stop() {
    this.socket.close();
  }

  #answer(question) {
    const end = question.indexOf(0, HEADER_BYTES) + 5; // of the name, its type and its class
    const asked = question.subarray(0, end);
    const known = this.failure === 0 && asked.readUInt16BE(end - 4) === TYPE_A;
    const answer = Buffer.concat([asked, known ? addressRecord(127, 0, 0, 1) : Buffer.alloc(0)]);
    answer.writeUInt16BE(RESPONSE | this.failure, 2);
    answer.writeUInt16BE(known ? 1 : 0, 6);
    answer.fill(0, 8, HEADER_BYTES);
    return answer;
  }
}

// Of the name that the question has, for one second.
function addressRecord(...address) {
  return Buffer.from([0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 1, 0, address.length, ...address]);
}

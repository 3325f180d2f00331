// A server that says what the test tells it to: for what a real gateway does rarely.
import { once } from 'node:events';
import { WebSocketServer } from 'ws';
import { DEADLINE, until, within } from '../../system/lib/wait.mjs';

export class ScriptedServer {
  static async start(t) {
    const server = new ScriptedServer();
    server.listener = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    server.listener.on('connection', (socket, { url }) => {
      const connection = new Connection(socket, new URL(url, server.url).searchParams);
      server.connections.push(connection);
      if (server.welcomes) {
        connection.say({ type: 'welcome', user: 'x', gateway: 'g', ...server.place });
      }
    });
    t.after(() => {
      for (const client of server.listener.clients) client.terminate();
      server.listener.close();
    });
    await once(server.listener, 'listening');
    return server;
  }

  connections = [];
  welcomes = true;
  place = {}; // what a welcome says of the mailbox: last, gap, reset, epoch

  get url() {
    return `ws://127.0.0.1:${this.listener.address().port}`;
  }

  // The connection of that number, from 1, when it is there.
  connection(number) {
    return until(() => this.connections[number - 1], DEADLINE, `connection ${number}`);
  }
}

class Connection {
  frames = []; // that came
  #taken = 0;

  constructor(socket, query) {
    this.socket = socket;
    this.query = query;
    this.closed = once(socket, 'close');
    socket.on('message', (data) => this.frames.push(JSON.parse(data)));
  }

  async next() {
    await until(() => this.frames.length > this.#taken, DEADLINE, 'a frame of the client');
    return this.frames[this.#taken++];
  }

  say(frame) {
    this.socket.send(JSON.stringify(frame));
  }

  async end(code) {
    this.socket.close(code);
    await within(this.closed, DEADLINE, 'the close handshake');
  }
}

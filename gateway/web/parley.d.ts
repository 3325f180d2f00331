// The types of parley.js, for TypeScript and for editors: keep this file beside it.
// docs/javascript.md explains what it all does.

/** `waiting`: for the next attempt to connect. */
export type State = 'connecting' | 'online' | 'waiting' | 'closed';
/** code: that of the close; delay: milliseconds until the next attempt. */
export type StateChange = { state: State; code?: number; delay?: number };

/** Without `id` and `ts` when it was published by hand. `copy`: this user sent it, elsewhere; the
 * `id` in it is the one that `sent` told there, and that the receiver's signals name. */
export type Message = {
  type: 'message'; id?: string; ts?: number; sender: string; receiver: string; content: any;
  copy?: { id: string; session: string; ref?: string };
};
/** Without `online` where the gateway hides who is, or when the answer itself was lost. */
export type Sent = { type: 'sent'; ref: string; id: string; ts: number; online?: boolean };
/** session: of this user, in a `read` that another of the user's own sessions has sent. */
export type Signal = { sender: string; receiver: string; id?: string; session?: string };
export type Presence = { user: string; online: boolean; sessions: number; since?: number };
/** Messages are missing; after a `reset` ids begin anew. */
export type Gap = { last: string; reset: boolean };
/** `last` and what follows it are absent where messages are not kept. */
export type Welcome = {
  type: 'welcome'; user: string; device: string; session: string; gateway: string;
  last?: string; gap?: boolean; reset?: boolean; epoch?: string;
};
/** messages: the newest is the last; next: give it as `before` for what is older. */
export type HistoryPage = { messages: Message[]; next: string; end: boolean };

export type Events = {
  state: StateChange; message: Message; gap: Gap; typing: Signal; delivered: Signal; read: Signal;
  presence: Presence; reconnect: { after_ms: number }; error: ParleyError;
};

/** Up to where messages have been handled. */
export type Place = { since?: string; epoch?: string };
/** What keeps the place for the next connect(). */
export type PlaceStorage = {
  get(): Place | null | undefined | PromiseLike<Place | null | undefined>;
  set(place: Place): unknown;
};

/** What is used of a WebSocket. */
export interface Socket {
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

export type Options = {
  /** of a gateway, or of what stands in front of several: ws:, wss:, http(s): */
  url: string;
  /** 1 to 128 bytes */
  user: string;
  /** a name for the place to read */
  device?: string;
  /** where to go on, as `parley.since` and `parley.epoch` were; else where the device was */
  since?: string;
  epoch?: string;
  /** instead of `since` and `epoch`: keeps them */
  storage?: PlaceStorage;
  /** `client`: a message has arrived when its listeners have returned, their promises resolved */
  ack?: 'client';
  /** instead of the global one */
  WebSocket?: new (url: string) => Socket;
  /** requests that may wait for their answer; 1000 */
  queue?: number;
  /** milliseconds before the first attempt to connect again; 500 */
  minDelay?: number;
  /** and at most; 30000 */
  maxDelay?: number;
  /** milliseconds of silence before a ping; 25000 */
  pingAfter?: number;
  /** milliseconds without `welcome`, or without a sign of life after a ping, that end a
   * connection; 10000 */
  timeout?: number;
};

/** `code` is one of docs/protocol.md, or `closed` or `queue_full`. */
export class ParleyError extends Error {
  constructor(code: string, message: string);
  code: string;
}

/** Begins to connect, and goes on for ever, until close() or a final close code. */
export function connect(options: Options): Parley;

export class Parley {
  constructor(options: Options);
  readonly state: State;
  /** Of this connection, or else of the one before it. */
  readonly welcome: Welcome | undefined;
  /** The id up to which messages have been handled, and the history of Redis that it belongs to. */
  readonly since: string | undefined;
  readonly epoch: string | undefined;

  /** Calls `listener` at each event of that name; the result ends that. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => unknown): () => void;
  /** Resolves when the message is stored. Until then it is sent again, with the same ref, after
   * every loss of the connection and every error that says "later"; rejects with any other. */
  send(receiver: string, content: any): Promise<Sent>;
  /** One page of the conversation with `peer`: it may be empty, and not yet the end. limit: 1 to
   * 200; 50. */
  history(peer: string, range?: { before?: string; limit?: number }): Promise<HistoryPage>;
  /** The same page by page, backwards, until the end; without those that are empty. */
  historyPages(peer: string, range?: { before?: string; limit?: number }):
    AsyncGenerator<Message[]>;
  /** Call it at each key press: it is told at most every two seconds, and only when online. */
  typing(receiver: string): void;
  /** What `writer` wrote up to `id` has arrived here. */
  delivered(writer: string, id: string): void;
  /** What `writer` wrote up to `id` was read here. */
  read(writer: string, id: string): void;
  /** Who is online now. */
  presence(users: Iterable<string>): Promise<Presence[]>;
  /** The same, and from now on an event `presence` at each change, also after a reconnect. */
  watch(users: Iterable<string>): Promise<Presence[]>;
  unwatch(users: Iterable<string>): void;
  /** For good. What has no answer yet is rejected with `closed`. */
  close(): void;
}

// What the frames of a session have to do with Redis, as far as who sees only frames can tell.
// docs/protocol.md, "Publishing from outside", has the names.
import { isUpTo } from './values.js';

export class Places {
  #prefix;
  #copies;

  // As /demo.json has it.
  constructor({ prefix, delivery, copies }) {
    this.#prefix = prefix;
    this.#copies = copies;
    this.isDurable = delivery === 'durable';
  }

  // What a gateway does with a frame that it gets from this user.
  done({ type = 'message', receiverID = '', users = [] }, user) {
    switch (type) {
      case 'message': {
        const mailboxes = this.#copies ? [receiverID, user] : [receiverID];
        return mailboxes.flatMap((one) => [
          ...this.isDurable ? [`XADD ${this.#key('mailbox', one)}`] : [],
          `PUBLISH ${this.#key('user', one)}`,
        ]);
      }
      case 'typing':
      case 'delivered':
        return [`PUBLISH ${this.#key('user', receiverID)}`];
      case 'watch':
        return users.map((one) => `SUBSCRIBE ${this.#key('presence-events', one)}`);
      default:
        return [];
    }
  }

  // Where a frame came from that a gateway sends. last: up to this id messages were in the mailbox
  // when the session began, or found something missing. What a session catches up with later, after
  // Redis was away or this page read too slowly, looks like all else.
  origin({ type, id, user, sender, receiver, users, ref, copy, session }, last) {
    switch (type) {
      case 'welcome':
        return [`SUBSCRIBE ${this.#key('user', user)}`];
      case 'message': {
        const owner = copy ? sender : receiver;
        const isOld = this.isDurable && id !== undefined && isUpTo(id, last);
        return [isOld ? `XRANGE ${this.#key('mailbox', owner)}` : this.#key('user', owner)];
      }
      case 'typing':
      case 'delivered':
      case 'read': // of another session of the same user
        return [this.#key('user', session ? sender : receiver)];
      case 'presence': // an answer, or an event
        return users.map((one) => (
          this.#key(ref === undefined ? 'presence-events' : 'presence', one.user)));
      default:
        return [];
    }
  }

  // As gateways write users in the names of keys.
  #key(kind, user) {
    const part = user.replace(/[%{}:\x00-\x20\x7f]/g,
      (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
    return `${this.#prefix}:${kind}:{${part}}`;
  }
}

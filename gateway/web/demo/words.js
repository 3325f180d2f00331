// What the page says, in English and in Chinese, by the browser's language.

const en = {
  title: 'Parley: two people, one Redis',
  lede: 'Two people, a WebSocket each. Whatever they say crosses Redis.',
  protocol: 'Protocol',
  native: 'native',
  original: 'original contract',
  name: 'Name',
  gateway: 'Gateway',
  leave: 'Leave',
  comeBack: 'Come back',
  send: 'Send',
  wire: 'On the wire',
  path: 'The way of a message',
  frames: 'Frames, the newest at the end',
  clear: 'Clear',
  noFrames: 'Nothing has crossed yet.',
  noMessages: 'No messages yet. Say something below.',
  pane: (name) => `${name}’s side`,
  log: (name) => `What ${name} sees`,
  message: (peer) => `Message to ${peer}`,
  connecting: 'connecting…',
  online: (gateway) => `connected to ${gateway}`,
  onlineUntold: (host) => `connected to ${host}; this contract names no gateway`,
  waiting: (code, seconds) => `connection lost (${code}); trying again in ${seconds} s`,
  leaving: 'this gateway stops; moving soon',
  closed: (code) => (code === 1000 ? 'not connected' : `closed for good (${code})`),
  peerOnline: (peer) => `${peer} is online`,
  peerOffline: (peer, since) => `${peer} is offline${since ? ` since ${since}` : ''}`,
  peerUnknown: (peer) => `talking to ${peer}`,
  peerTyping: (peer) => `${peer} is typing…`,
  noPresence: (peer) => `talking to ${peer}; the original contract knows no presence and no typing`,
  presenceOff: (peer) => `talking to ${peer}; presence is switched off on this gateway`,
  sending: 'on its way',
  stored: 'stored',
  storedOnline: 'stored, published',
  storedOffline: 'stored in the mailbox: nobody was there',
  published: 'published',
  lost: 'lost: nobody was there, and nothing is kept here',
  arrived: 'arrived',
  echoed: 'came back',
  failed: (why) => `not sent: ${why}`,
  gap: 'Messages are missing here: the mailbox no longer had them.',
  reset: 'Redis has lost messages. What it still has may come once more.',
  notConnected: 'not connected',
  sameName: 'Two people need two names.',
  badName: 'A name has 1 to 128 bytes and no control characters.',
  badGateway: 'HOST or HOST:PORT, please.',
  to: 'to the gateway',
  from: 'from the gateway',
  opened: (url) => `connected to ${url}`,
  ended: (code) => `closed (${code})`,
  unreachable: (url) => `no connection to ${url}`,
};

const zh = {
  title: 'Parley：两个人，一个 Redis',
  lede: '两个人，各有一条 WebSocket。说的每句话都经过 Redis。',
  protocol: '协议',
  native: '原生协议',
  original: '教程协议',
  name: '名字',
  gateway: '网关',
  leave: '离开',
  comeBack: '回来',
  send: '发送',
  wire: '线路上',
  path: '一条消息经过的路',
  frames: '数据帧，最新的在最后',
  clear: '清空',
  noFrames: '还没有数据经过。',
  noMessages: '还没有消息。在下面说点什么吧。',
  pane: (name) => `${name} 这一边`,
  log: (name) => `${name} 看到的`,
  message: (peer) => `发给 ${peer} 的消息`,
  connecting: '正在连接…',
  online: (gateway) => `已连接到 ${gateway}`,
  onlineUntold: (host) => `已连接到 ${host}；教程协议不告知网关的名字`,
  waiting: (code, seconds) => `连接断开（${code}），${seconds} 秒后重试`,
  leaving: '这个网关即将停止，稍后换一个',
  closed: (code) => (code === 1000 ? '未连接' : `连接已结束（${code}）`),
  peerOnline: (peer) => `${peer} 在线`,
  peerOffline: (peer, since) => (since ? `${peer} 从 ${since} 起离线` : `${peer} 离线`),
  peerUnknown: (peer) => `正在和 ${peer} 交谈`,
  peerTyping: (peer) => `${peer} 正在输入…`,
  noPresence: (peer) => `正在和 ${peer} 交谈；教程协议没有在线状态和输入提示`,
  presenceOff: (peer) => `正在和 ${peer} 交谈；这个网关关闭了在线状态`,
  sending: '发送中',
  stored: '已保存',
  storedOnline: '已保存并发布',
  storedOffline: '已存入信箱：对方不在',
  published: '已发布',
  lost: '丢失了：对方不在，这里不保存消息',
  arrived: '已送达',
  echoed: '已返回',
  failed: (why) => `未发送：${why}`,
  gap: '这里缺少消息：信箱里已经没有了。',
  reset: 'Redis 丢失了消息。它还保存着的消息可能会再出现一次。',
  notConnected: '未连接',
  sameName: '两个人要有两个名字。',
  badName: '名字为 1 到 128 字节，不含控制字符。',
  badGateway: '请填写 主机 或 主机:端口。',
  to: '发往网关',
  from: '来自网关',
  opened: (url) => `已连接到 ${url}`,
  ended: (code) => `已关闭（${code}）`,
  unreachable: (url) => `无法连接 ${url}`,
};

export const language = navigator.language.startsWith('zh') ? 'zh' : 'en';
export const words = language === 'zh' ? zh : en;

const clock = new Intl.DateTimeFormat(navigator.language,
  { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });

export function time(unixMs) {
  return clock.format(unixMs);
}

// Puts the words where the HTML says data-text and data-label.
export function translate(root) {
  for (const element of root.querySelectorAll('[data-text]')) {
    element.textContent = words[element.dataset.text];
  }
  for (const element of root.querySelectorAll('[data-label]')) {
    element.setAttribute('aria-label', words[element.dataset.label]);
  }
}

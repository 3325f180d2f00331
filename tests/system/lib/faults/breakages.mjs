// The faults: how each is made, and how it is mended where that is not left to the gateway. The
// member is the gateway, undefined when it is gone by then.
import { rm } from 'node:fs/promises';
import path from 'node:path';

const EVERYSEC = 2000; // of so many ms a Redis with appendfsync everysec may lose what it stored

const swallowed = {
  breaks: (world, { member, link, direction }) => member.proxy.swallow({ kind: link, direction }),
  mends: (world, { member }) => member?.proxy.cutSwallowed(),
};

const paused = {
  breaks: ({ redis }) => redis.pause(),
  mends: ({ redis }) => redis.resume(),
};

export const FAULTS = {
  killed: {
    breaks: (world, { member }) => world.remove(member, 'killed', () => member.kill()),
  },
  drained: {
    breaks: (world, { member }) => world.remove(member, 'stopping', () => member.drain()),
  },
  'stood still': {
    breaks: (world, { member }) => member.signal('SIGSTOP'),
    mends: (world, { member }) => member?.signal('SIGCONT'),
  },

  cut: { breaks: (world, { member, link }) => member.proxy.cut({ kind: link }) },
  swallowed,
  'half swallowed': swallowed,

  'Redis cut off': {
    breaks: ({ redis }, { type }) => redis.command('CLIENT', 'KILL', 'TYPE', type),
  },
  'Redis killed': {
    breaks: (world) => {
      const kill = () => world.redis.kill();
      return world.settings.appendfsync === 'always' ? kill()
        : world.loses(world.now() - EVERYSEC, false, kill);
    },
    mends: ({ redis }) => redis.restart(),
  },
  'Redis stopped': {
    breaks: async ({ redis }) => {
      redis.process.signal('SIGTERM');
      await redis.process.end();
    },
    mends: ({ redis }) => redis.restart(),
  },
  'Redis paused': paused,
  'Redis paused for long': paused,
  'Redis back empty': {
    breaks: (world) => world.loses(0, true, async () => {
      await world.redis.kill();
      await rm(path.join(world.redis.folder, 'appendonlydir'), { recursive: true });
    }),
    mends: ({ redis }) => redis.restart(),
  },
  'Redis flushed': {
    breaks: (world) => world.loses(0, true, () => world.redis.command('FLUSHALL')),
  },
  // It refuses what would take more memory.
  'Redis full': {
    breaks: ({ redis }) => redis.command('CONFIG', 'SET', 'maxmemory', 1),
    mends: ({ redis }) => redis.command('CONFIG', 'SET', 'maxmemory', 0),
  },
};

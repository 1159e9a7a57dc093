import * as host from 'golem:api/host@0.2.0';
import { Bucket, OutgoingValue } from 'wasi:keyvalue/types@0.1.0';
import * as eventual from 'wasi:keyvalue/eventual@0.1.0';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function post(url, body) {
  const answer = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'text/plain' } });
  return await answer.text();
}

class Counter {
  constructor(name) {
    this.name = name;
    this.value = 0;
  }

  incBy(n) {
    this.value += n;
    console.log(`${this.name} is ${this.value}`);
  }

  get() {
    return this.value;
  }
}

export const api = {
  Counter,

  async place(base, order) {
    console.log('placing', order);
    const { highBits } = host.generateIdempotencyKey();
    const region = host.markBeginOperation();
    await post(`${base}/charge`, `${order} ${highBits}`);
    await post(`${base}/mail`, order);
    host.markEndOperation(region);
    host.oplogCommit(1);
    await sleep(60_000);
    await post(`${base}/done`, order);
    return order;
  },

  async once(base) {
    const before = host.getIdempotenceMode();
    host.setIdempotenceMode(false);
    await post(`${base}/careful`, 'x');
    host.setIdempotenceMode(before);
    await post(`${base}/again`, 'x');
    return 'done';
  },

  async attempts(base) {
    const start = host.getOplogIndex();
    const tries = Number(await post(`${base}/try`, 'x'));
    if (tries < 3) host.setOplogIndex(start);
    return tries;
  },

  async glance(base) {
    const first = await fetch(`${base}/first`, { method: 'POST', body: 'x' });
    const second = await fetch(`${base}/second`, { method: 'POST', body: 'x' });
    return first.status + second.status;
  },

  async sizeOf(url) {
    const reader = (await fetch(url)).body.getReader();
    let length = 0;
    for (let part = await reader.read(); !part.done; part = await reader.read()) length += part.value.length;
    return length;
  },

  async nap(ms) {
    const start = Date.now();
    await sleep(Number(ms));
    return BigInt(Date.now() - start);
  },

  async timers() {
    const log = [];
    const never = setTimeout(() => log.push('never'), 5);
    clearTimeout(never);
    await Promise.all([3, 1, 2].map(async (n) => { await sleep(n * 100); log.push(`timer ${n}`); }));
    return log;
  },

  approval() {
    const promise = host.createPromise();
    console.log('waiting');
    return new TextDecoder().decode(host.awaitPromise(promise));
  },

  remember(value) {
    const bucket = Bucket.openBucket('notes');
    const old = eventual.get(bucket, 'last');
    const fresh = OutgoingValue.newOutgoingValue();
    fresh.outgoingValueWriteBodySync(new TextEncoder().encode(value));
    eventual.set(bucket, 'last', fresh);
    return old && new TextDecoder().decode(old.incomingValueConsumeSync());
  },

  drawn() {
    return [BigInt(Date.now()), Math.random(), crypto.randomUUID()];
  },

  check(stock) {
    if (stock === 0) throw 'sold out';
    return stock;
  },

  fails(how) {
    console.log('about to fail');
    if (how === 'error') throw new TypeError('no such article');
    if (how === 'bug') return undefined.price;
    if (how === 'memory') return new Uint8Array(1 << 30).fill(1).length;
    throw { code: 42 };
  },
};

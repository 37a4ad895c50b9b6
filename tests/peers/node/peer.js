'use strict';

// The ali-ons client behind JSON lines: a command a line on stdin, answers and events on stdout.

const readline = require('readline');
const {Producer, Consumer, Message} = require(process.env.ALI_ONS);

// Its default settings look for name servers at a public address; a fixed list never asks.
const httpclient = {
  request() {
    throw new Error('no look-up of name servers');
  },
};
const quiet = {info() {}, warn: console.error, error: console.error, debug() {}};
const roles = new Map();

const print = line => process.stdout.write(JSON.stringify(line) + '\n');

function common(given) {
  return {
    httpclient,
    logger: quiet,
    nameSrv: given.namesrv,
    onsAddr: '',
    accessKeyId: given.accessKey || 'none',
    accessKeySecret: given.secretKey || 'none',
    clientIP: '127.0.0.1',
    instanceName: `${process.pid}-${given.name}`,
  };
}

function described(message) {
  return {
    topic: message.topic,
    queueId: message.queueId,
    queueOffset: Number(message.queueOffset),
    msgId: message.msgId,
    body: message.body.toString(),
    tags: message.tags,
    keys: message.keys,
    reconsumeTimes: message.reconsumeTimes,
    storeSize: message.storeSize,
    properties: message.properties,
  };
}

class ProducerRole {
  async start(given) {
    this.producer = new Producer({...common(given), producerGroup: given.group});
    this.producer.on('error', error => console.error(error));
    await this.producer.ready();
  }

  async send(given) {
    const rows = [];
    for (const [i, body] of given.bodies.entries()) {
      const message = new Message(
        given.topic,
        given.tags && given.tags[i % given.tags.length],
        body,
      );
      if (given.keys) message.keys = [given.keys[i % given.keys.length]];
      Object.assign(message.properties, given.properties || {});
      try {
        rows.push(this.sent(await this.producer.send(message)));
      } catch (error) {
        rows.push({error: error.name, message: error.message, code: error.code});
      }
    }
    return rows;
  }

  sent(result) {
    return {
      status: result.sendStatus,
      msgId: result.msgId,
      queueId: result.messageQueue.queueId,
      broker: result.messageQueue.brokerName,
      queueOffset: Number(result.queueOffset),
    };
  }

  async shutdown() {
    await this.producer.close();
  }
}

class PushRole {
  async start(given) {
    this.given = given;
    const model = {consumerGroup: given.group, isBroadcast: given.broadcast};
    this.consumer = new Consumer({...common(given), ...model});
    this.consumer.on('error', error => console.error(error));
    for (const [topic, expression] of Object.entries(given.subscriptions)) {
      this.consumer.subscribe(topic, expression, async message => this.consume(message));
    }
    await this.consumer.ready();
  }

  // Subscribed through an async arrow: the client takes no other function.
  consume(message) {
    const ok = message.reconsumeTimes >= this.given.failFirst;
    const line = {event: 'message', name: this.given.name, at: Date.now(), ok};
    print({...line, message: described(message)});
    return ok ? undefined : Consumer.ACTION_RETRY;
  }

  async shutdown() {
    await this.consumer.close();
  }
}

async function run(command) {
  if (command.op !== 'start') return roles.get(command.name)[command.op](command);
  const role = command.kind === 'producer' ? new ProducerRole() : new PushRole();
  roles.set(command.name, role);
  await role.start(command);
  return command.name;
}

async function answer(line) {
  const command = JSON.parse(line);
  try {
    const result = await run(command);
    print({id: command.id, result: result === undefined ? null : result});
  } catch (error) {
    print({id: command.id, error: String(error.stack)});
  }
}

const commands = readline.createInterface({input: process.stdin});
commands.on('line', answer);
commands.on('close', () => process.exit(0));

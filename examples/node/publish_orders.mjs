// Publishes two orders with kafkajs, by docs/contracts/order.asyncapi.json alone: topic, key and fields stand there.
// npm ci, then: node publish_orders.mjs PRODUCT   (reads .flacon/stack.json of the folder it is run in, or KAFKA=host:port)
import { readFileSync } from 'node:fs';
import { Kafka, logLevel } from 'kafkajs';

const product = process.argv[2];
const stack = process.env.KAFKA ? { kafka: process.env.KAFKA } : JSON.parse(readFileSync('.flacon/stack.json', 'utf8'));
const document = JSON.parse(readFileSync(new URL('../../docs/contracts/order.asyncapi.json', import.meta.url), 'utf8'));

const channel = document.channels['order.submitted'];
const message = document.components.messages['order.submitted'];
const schema = document.components.schemas[message.payload.$ref.split('/').pop()];
const key = message.bindings.kafka.key.description.split(':');

const orders = [1, 2].map((number) => ({
  source: 'example-node',
  external_id: `${product}-${number}`,
  customer_id: 'c-1',
  items: [{ product_id: product, quantity: 1 }],
  shipping_address: { city: 'Grasse' },
  on_shortage: 'backorder',
  auto_confirm: true,
}));
for (const order of orders) {
  const missing = schema.required.filter((name) => !(name in order));
  const unknown = Object.keys(order).filter((name) => !(name in schema.properties));
  if (missing.length || unknown.length) throw new Error(`not as the document says: ${[...missing, ...unknown]}`);
}

const kafka = new Kafka({ clientId: 'example-node', brokers: stack.kafka.split(','), logLevel: logLevel.ERROR });
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
await producer.connect();
await producer.send({
  topic: (stack.topic_prefix ?? '') + channel.address,
  acks: -1,
  messages: orders.map((order) => ({
    key: key.map((field) => order[field]).join(':'),
    value: JSON.stringify(order),
    headers: { 'content-type': document.defaultContentType },
  })),
});
await producer.disconnect();
for (const order of orders) console.log(`${order.source} ${order.external_id} published`);

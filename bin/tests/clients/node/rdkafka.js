// An unmodified node-rdkafka: rdkafka.js write|read|group|transactions BOOTSTRAP NODES. It stands
// on the librdkafka that it brings; what that administers, others show. It makes null of what is
// empty, so it writes topics that the others do not read.

const assert = require('node:assert')
const { promisify } = require('node:util')
const rdkafka = require('node-rdkafka')
const { firstTimestamp, partitions, record, records } = require('./records.js')

const [command, bootstrap, nodes] = process.argv.slice(2)
const version = require('node-rdkafka/package.json').version
const name = `node-rdkafka ${version} (${rdkafka.librdkafkaVersion})`
const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const common = { 'metadata.broker.list': bootstrap }
const passed = (what) => console.log('PASS', name, what)
const pause = (millis) => new Promise((done) => setTimeout(done, millis))

async function until(what, seconds, holds) {
  for (let end = Date.now() + 1000 * seconds; !(await holds()); ) {
    assert(Date.now() < end, what)
    await pause(20)
  }
}

const call = (it, method, ...values) => promisify(it[method].bind(it))(...values)

async function createTopic(topic) {
  const admin = rdkafka.AdminClient.create(common)
  const wanted = { topic, num_partitions: partitions, replication_factor: 1 }
  await call(admin, 'createTopic', wanted)
  admin.disconnect()
}

async function connect(client) {
  const metadata = await new Promise((done, failed) => {
    client.connect({ timeout: 30_000 }, (error, found) => (error ? failed(error) : done(found)))
  })
  return metadata
}

const disconnect = (client) => new Promise((done) => client.disconnect(() => done()))

// Pairs in their order, as headers of this client.
function pairs(headers) {
  const each = ([key, value]) => [value].flat().map((one) => ({ [key]: one }))
  return Object.entries(headers).flatMap(each)
}

async function produce(topic, codec, idempotent) {
  const settings = { 'compression.codec': codec, 'enable.idempotence': idempotent }
  const producer = new rdkafka.Producer({ ...common, ...settings, dr_cb: true, 'linger.ms': 20 })
  const placed = new Map()
  producer.on('delivery-report', (error, report) => {
    assert.ifError(error)
    placed.set(`${report.partition}/${report.offset}`, report.opaque)
  })
  producer.setPollInterval(20)
  await connect(producer)
  for (let number = 0; number < records; number++) {
    const { key, value, headers, timestamp } = record(number, 'kafkajs')
    const [at, given] = [Number(timestamp), pairs(headers)]
    producer.produce(topic, number % partitions, value, key, at, number, given)
  }
  await until(`${topic}: ${placed.size} are acknowledged`, 60, () => placed.size === records)
  await disconnect(producer)
  return placed
}

// Calls `take` for each record until `ends`.
async function poll(consumer, ends, take) {
  const consume = () => call(consumer, 'consume', 500)
  await until('records do not come', 60, async () => {
    for (const message of await consume()) take(message)
    return ends()
  })
}

function reader(settings) {
  const all = { ...common, 'group.id': 'unused', 'enable.auto.commit': false, ...settings }
  const consumer = new rdkafka.KafkaConsumer(all, { 'auto.offset.reset': 'earliest' })
  consumer.setDefaultConsumeTimeout(50)
  return consumer
}

const whole = (topic) =>
  [...Array(partitions).keys()].map((partition) => ({ topic, partition, offset: 0 }))

const filled = (bytes) => (bytes?.length ? bytes.toString() : '')

// Compares a record with the rule, in which nothing and null are the same here.
function checked(topic, message) {
  const number = (message.timestamp - firstTimestamp) / 1000
  const { key, value, headers } = record(number, topic.split('.')[1])
  const texts = (given) =>
    given.flatMap((one) => Object.entries(one)).map(([of, it]) => [of, filled(it)])
  const found = [filled(message.key), filled(message.value), texts(message.headers ?? [])]
  assert.deepStrictEqual(found, [filled(key), filled(value), texts(pairs(headers))], topic)
  return number
}

async function consume(topic) {
  const consumer = reader({ 'check.crcs': true, 'fetch.wait.max.ms': 20 })
  await connect(consumer)
  consumer.assign(whole(topic))
  const found = new Map()
  await poll(consumer, () => found.size >= records, (message) => {
    const place = `${message.partition}/${message.offset}`
    assert(!found.has(place), `${topic}: ${place} came twice`)
    found.set(place, checked(topic, message))
  })
  await disconnect(consumer)
  assert.strictEqual(new Set(found.values()).size, records, topic)
  return found
}

async function write() {
  for (const [codec, kind] of [...codecs.map((it) => [it, 'plain']), ['lz4', 'idempotent']]) {
    const topic = `others.node-rdkafka.${kind}.${codec}`
    await createTopic(topic)
    const placed = await produce(topic, codec, kind === 'idempotent')
    const found = await consume(topic)
    assert.deepStrictEqual(new Map([...found].sort()), new Map([...placed].sort()))
    passed(`writes ${kind} ${codec}`)
  }
}

async function read() {
  const producer = new rdkafka.Producer(common)
  const { topics, brokers } = await connect(producer)
  assert.strictEqual(brokers.length, Number(nodes), 'one node for each core')
  const ours = topics.map((topic) => topic.name).filter((it) => it.startsWith('clients.'))
  for (const topic of ours.sort()) await consume(topic)
  await disconnect(producer)
  passed(`reads ${ours.length} topics of all clients`)
}

async function member(group, topic, settings) {
  const all = { 'group.id': group, 'fetch.wait.max.ms': 20, ...settings }
  const consumer = reader(all)
  await connect(consumer)
  consumer.subscribe([topic])
  return consumer
}

// Two members share a topic, one leaves, and a third goes on where they were.
async function share(protocol) {
  const [name, topic] = [`others.node-rdkafka.${protocol}`, 'others.node-rdkafka.plain.none']
  const settings = { 'group.protocol': protocol }
  const numbers = new Set()
  const both = [1, 2].map(() => member(name, topic, settings))
  const [first, second] = await Promise.all(both)
  const read = async (consumer) => {
    for (const { timestamp } of await call(consumer, 'consume', 500)) numbers.add(timestamp)
  }
  // A position is where the next record comes from, if there was one.
  const position = (one) => one.position().reduce((sum, { offset }) => sum + (offset ?? 0), 0)
  await until('two members do not read all of it', 60, async () => {
    await Promise.all([read(first), read(second)])
    const shares = [first, second].map((one) => one.assignments().length)
    const whole = numbers.size === records && position(first) + position(second) === records
    return whole && shares.every((share) => share === partitions / 2)
  })
  first.commitSync(null)
  second.commitSync(null)
  await disconnect(second)
  const takeOver = (consumer) => {
    const again = () => assert.fail('what was committed comes again')
    return poll(consumer, () => consumer.assignments().length === partitions, again)
  }
  await takeOver(first)
  await disconnect(first)
  const third = await member(name, topic, settings)
  await takeOver(third)
  const offsets = await call(third, 'committed', third.assignments(), 20_000)
  assert.strictEqual(offsets.reduce((sum, { offset }) => sum + offset, 0), records)
  await disconnect(third)
  passed(`shares a topic in a ${protocol} group`)
}

async function group() {
  for (const protocol of ['classic', 'consumer']) await share(protocol)
}

async function transactional(id) {
  const settings = { 'transactional.id': id, 'linger.ms': 5 }
  const producer = new rdkafka.Producer({ ...common, ...settings })
  await connect(producer)
  await call(producer, 'initTransactions', 30_000)
  return producer
}

// All values of a topic, once there are so many: a commit is answered before it shows to readers
// of what is committed.
async function texts(topic, isolation, count) {
  let found
  await until(`${topic} has no ${count} records`, 60, async () => {
    found = await values(topic, isolation)
    return found.length >= count
  })
  return found
}

async function values(topic, isolation) {
  const settings = { 'isolation.level': isolation, 'enable.partition.eof': true }
  const [consumer, found, ended] = [reader(settings), [], new Set()]
  consumer.on('partition.eof', ({ partition }) => ended.add(partition))
  await connect(consumer)
  consumer.assign(whole(topic))
  await poll(consumer, () => ended.size === partitions, ({ value }) => found.push(`${value}`))
  await disconnect(consumer)
  return found
}

// Of two producers with one transactional id the older is fenced, and what it wrote never shows.
async function fencing() {
  const topic = 'transactions.fenced.node-rdkafka'
  await createTopic(topic)
  const write = async (producer, value) => {
    await call(producer, 'beginTransaction')
    producer.produce(topic, 0, Buffer.from(value), 'key')
    await call(producer, 'flush', 20_000)
  }
  const older = await transactional('fenced.node-rdkafka')
  await write(older, 'older')
  const newer = await transactional('fenced.node-rdkafka')
  const fenced = rdkafka.CODES.ERRORS.ERR__FENCED
  await assert.rejects(call(older, 'commitTransaction', 30_000), ({ code }) => code === fenced)
  await write(newer, 'newer')
  await call(newer, 'commitTransaction', 30_000)
  assert.deepStrictEqual(await texts(topic, 'read_committed', 1), ['newer'])
  await Promise.all([disconnect(older), disconnect(newer)])
  passed('fences the older of two producers with one transactional id')
}

// Reads, transforms and writes in transactions, of which every third is aborted.
async function transactions() {
  const [source, target] = ['source', 'target'].map((it) => `transactions.${it}.node-rdkafka`)
  const count = 300
  await Promise.all([createTopic(source), createTopic(target)])
  const plain = new rdkafka.Producer(common)
  await connect(plain)
  for (let number = 0; number < count; number++) {
    plain.produce(source, number % partitions, Buffer.from(`${number}`), `${number}`)
  }
  await call(plain, 'flush', 20_000)
  await disconnect(plain)
  const consumer = await member('transactions.node-rdkafka', source)
  const producer = await transactional('node-rdkafka')
  let [done, aborted, turn] = [0, 0, 0]
  await until('copying does not end', 120, async () => {
    const messages = await call(consumer, 'consume', 10)
    if (messages.length === 0) return false
    turn += 1
    await call(producer, 'beginTransaction')
    for (const { key, value, partition } of messages) producer.produce(target, partition, value, key)
    const offsets = consumer.position().filter(({ offset }) => offset !== undefined)
    await call(producer, 'sendOffsetsToTransaction', offsets, consumer, 30_000)
    if (turn % 3) {
      await call(producer, 'commitTransaction', 30_000)
      done += messages.length
      return done === count
    }
    await call(producer, 'flush', 20_000)
    await call(producer, 'abortTransaction', 30_000)
    aborted += messages.length
    const committed = await call(consumer, 'committed', consumer.assignments(), 20_000)
    for (const { topic, partition, offset } of committed) {
      await call(consumer, 'seek', { topic, partition, offset: offset ?? 0 }, 10_000)
    }
    return false
  })
  await disconnect(consumer)
  const committed = await texts(target, 'read_committed', count)
  committed.sort((one, other) => one - other)
  assert.deepStrictEqual(committed, [...Array(count).keys()].map(String))
  assert(aborted > 0)
  assert.strictEqual((await texts(target, 'read_uncommitted', count + aborted)).length, count + aborted)
  await disconnect(producer)
  passed('copies in transactions')
  await fencing()
}

const commands = { write, read, group, transactions }
commands[command]().then(
  () => process.exit(0),
  (error) => {
    console.error('FAIL', name, error)
    process.exit(1)
  },
)

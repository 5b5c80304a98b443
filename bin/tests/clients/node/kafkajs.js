// An unmodified kafkajs: kafkajs.js write|read|group|transactions BOOTSTRAP NODES. Its consumer needs a group, so
// write and read use the Fetch call of its own brokers, which decodes them as the consumer does.

const assert = require('node:assert')
const kafkajs = require('kafkajs')
const lz4 = require('lz4-napi')
const snappy = require('snappy')
const { ZstdCodec } = require('zstd-codec')
const { firstTimestamp, partitions, record, records } = require('./records.js')

const { CompressionTypes, CompressionCodecs, Kafka, logLevel } = kafkajs
const [command, bootstrap, nodes] = process.argv.slice(2)
const name = `kafkajs ${require('kafkajs/package.json').version}`

const codecs = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

const kafka = new Kafka({
  clientId: 'check',
  brokers: [bootstrap],
  logLevel: logLevel.NOTHING,
  retry: { retries: 2 },
})

const passed = (what) => console.log('PASS', name, what)

async function addCodecs() {
  const codec = (compress, decompress) => () => ({
    compress: async (encoder) => Buffer.from(await compress(encoder.buffer)),
    decompress: async (buffer) => Buffer.from(await decompress(buffer)),
  })
  // The simple interface reads no frame that does not say its size.
  const zstd = await new Promise((done) => ZstdCodec.run((it) => done(new it.Streaming())))
  CompressionCodecs[CompressionTypes.Snappy] = codec(snappy.compress, unpackSnappy)
  CompressionCodecs[CompressionTypes.LZ4] = codec(lz4.compressFrame, lz4.decompressFrame)
  CompressionCodecs[CompressionTypes.ZSTD] = codec(
    async (bytes) => zstd.compress(bytes),
    async (bytes) => zstd.decompress(bytes),
  )
}

// Java and Python put a header and lengths around the blocks of snappy.
async function unpackSnappy(bytes) {
  if (bytes.subarray(0, 8).toString('latin1') !== '\x82SNAPPY\0') return snappy.uncompress(bytes)
  const blocks = []
  for (let at = 16; at < bytes.length; ) {
    const end = at + 4 + bytes.readInt32BE(at)
    blocks.push(await snappy.uncompress(bytes.subarray(at + 4, end)))
    at = end
  }
  return Buffer.concat(blocks)
}

// kafkajs names only the first offset of each send, so one send goes to one partition.
async function produce(topic, codec, idempotent) {
  const createPartitioner = kafkajs.Partitioners.DefaultPartitioner
  const producer = kafka.producer({ idempotent, maxInFlightRequests: 1, createPartitioner })
  await producer.connect()
  const placed = new Map()
  for (let first = 0; first < records; first += 50) {
    const partition = (first / 50) % partitions
    const messages = []
    for (let number = first; number < first + 50; number++) {
      messages.push({ ...record(number, 'kafkajs'), partition })
    }
    const compression = codecs[codec]
    const [result] = await producer.send({ topic, acks: -1, compression, messages })
    assert.strictEqual(result.errorCode, 0)
    for (let index = 0; index < 50; index++) {
      placed.set(`${partition}/${Number(result.baseOffset) + index}`, first + index)
    }
  }
  await producer.disconnect()
  assert.strictEqual(placed.size, records)
  return placed
}

async function openCluster(topics) {
  const symbols = Object.getOwnPropertySymbols(kafka)
  const create = symbols.find((symbol) => symbol.description === 'private:Kafka:createCluster')
  const cluster = kafka[create]({ metadataMaxAge: 300000, isolationLevel: 0 })
  await cluster.connect()
  await cluster.addMultipleTargetTopics(topics)
  return cluster
}

// Reads a topic to the end and compares each record with the rule. Each partition is asked of the
// node that leads it.
async function consume(cluster, topic) {
  const found = new Map()
  const metadata = cluster.findTopicPartitionMetadata(topic)
  assert.strictEqual(metadata.length, partitions)
  for (const { partitionId: partition, leader } of metadata) {
    const broker = await cluster.findBroker({ nodeId: String(leader) })
    for (let fetchOffset = 0, end = 1; fetchOffset < end; ) {
      const asked = [{ partition, fetchOffset: String(fetchOffset), maxBytes: 1 << 20 }]
      const topics = [{ topic, partitions: asked }]
      const fetched = await broker.fetch({ isolationLevel: 0, maxWaitTime: 500, topics })
      const answer = fetched.responses[0].partitions[0]
      assert.strictEqual(answer.errorCode, 0)
      end = Number(answer.highWatermark)
      for (const message of answer.messages.filter((one) => Number(one.offset) >= fetchOffset)) {
        assert.strictEqual(Number(message.offset), fetchOffset, `${topic}: a gap`)
        const number = (Number(message.timestamp) - firstTimestamp) / 1000
        const { key, value, timestamp, headers } = message
        const expected = record(number, topic.split('.')[1])
        assert.deepStrictEqual({ key, value, headers, timestamp }, expected, topic)
        found.set(`${partition}/${fetchOffset}`, number)
        fetchOffset += 1
      }
    }
  }
  const numbers = [...found.values()].sort((one, other) => one - other)
  assert.deepStrictEqual(numbers, [...Array(records).keys()], topic)
  return found
}

async function checkOffsets(admin, topic, placed) {
  const places = [...placed].map(([place, number]) => [...place.split('/').map(Number), number])
  const of = (partition) => places.filter(([at]) => at === partition)
  const ends = (await admin.fetchTopicOffsets(topic)).map((at) => [at.partition, at.low, at.high])
  const expected = ends.map(([partition]) => [partition, '0', `${of(partition).length}`])
  assert.deepStrictEqual(ends, expected)
  const middle = firstTimestamp + 1000 * (records / 2)
  for (const { partition, offset } of await admin.fetchTopicOffsetsByTimestamp(topic, middle)) {
    const later = of(partition).filter(([, , number]) => number >= records / 2)
    assert.strictEqual(offset, `${Math.min(...later.map(([, offset]) => offset))}`)
  }
}

async function refused(type, call) {
  const found = (error) => (error.errors?.[0] ?? error.cause ?? error).type
  await assert.rejects(call, (error) => found(error) === type || assert.fail(error))
}

async function administer(admin) {
  const topic = 'admin.kafkajs'
  const settings = async () => {
    const resources = [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }]
    const { configEntries } = (await admin.describeConfigs({ resources })).resources[0]
    return new Map(configEntries.map((entry) => [entry.configName, entry.configValue]))
  }
  const configEntries = [{ name: 'retention.ms', value: '-1' }]
  const topics = [{ topic, numPartitions: 2, replicationFactor: 1, configEntries }]
  assert(await admin.createTopics({ topics, waitForLeaders: true }))
  assert(!(await admin.createTopics({ topics })), 'it is there already')
  assert.strictEqual((await settings()).get('retention.ms'), '-1')
  await admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] })
  const fewer = { topicPartitions: [{ topic, count: 1 }] }
  await refused('INVALID_PARTITIONS', () => admin.createPartitions(fewer))
  const described = await admin.fetchTopicMetadata({ topics: [topic] })
  assert.strictEqual(described.topics[0].partitions.length, partitions)
  await admin.deleteTopics({ topics: [topic] })
  await refused('UNKNOWN_TOPIC_OR_PARTITION', () => admin.deleteTopics({ topics: [topic] }))
  assert(!(await admin.listTopics()).includes(topic))
  passed('admin')
}

async function write(admin) {
  const { brokers } = await admin.describeCluster()
  assert.strictEqual(brokers.length, Number(nodes), 'one node for each core')
  const kinds = Object.keys(codecs).map((codec) => [codec, false])
  for (const [codec, idempotent] of [...kinds, ['gzip', true]]) {
    const kind = idempotent ? 'idempotent' : 'plain'
    const topic = `clients.kafkajs.${kind}.${codec}`
    const topics = [{ topic, numPartitions: partitions, replicationFactor: 1 }]
    assert(await admin.createTopics({ topics, waitForLeaders: true }))
    const placed = await produce(topic, codec, idempotent)
    const cluster = await openCluster([topic])
    const found = await consume(cluster, topic)
    assert.deepStrictEqual(new Map([...found].sort()), new Map([...placed].sort()))
    await cluster.disconnect()
    await checkOffsets(admin, topic, placed)
    passed(`writes ${kind} ${codec}`)
  }
  await administer(admin)
}

async function read(admin) {
  const topics = (await admin.listTopics()).filter((topic) => topic.startsWith('clients.'))
  const cluster = await openCluster(topics)
  for (const topic of topics.sort()) await consume(cluster, topic)
  await cluster.disconnect()
  passed(`reads ${topics.length} topics of all clients`)
}

// Two members share a topic, one leaves, and a third goes on where they were.
async function group(admin) {
  const groupId = 'clients.kafkajs.group'
  const topic = 'clients.kafkajs.plain.none'
  const numbers = new Set()
  const shares = new Map()
  const join = async (member) => {
    const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 20 })
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      shares.set(member, (payload.memberAssignment[topic] ?? []).length)
    })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message }) => numbers.add(message.timestamp) })
    return consumer
  }
  const until = async (what, holds) => {
    for (let waited = 0; !holds(); waited += 50) {
      assert(waited < 60_000, `${what}: ${numbers.size} records, ${[...shares.values()]}`)
      await new Promise((done) => setTimeout(done, 50))
    }
  }
  const first = await join('first')
  const second = await join('second')
  await until('two members share', () => shares.get('first') === 2 && shares.get('second') === 2)
  await until('together they read everything', () => numbers.size === records)
  // It commits what it has handled when it stops.
  await second.disconnect()
  await until('one takes over', () => shares.get('first') === partitions)
  await first.disconnect()
  const offsets = (await admin.fetchOffsets({ groupId, topics: [topic] }))[0].partitions
  const sum = offsets.reduce((sum, { offset }) => sum + Number(offset), 0)
  assert.strictEqual(sum, records)
  numbers.clear()
  const third = await join('third')
  await until('one gets everything', () => shares.get('third') === partitions)
  await new Promise((done) => setTimeout(done, 500))
  assert.strictEqual(numbers.size, 0, 'what was committed comes again')
  await third.disconnect()
  await admin.deleteGroups([groupId])
  passed('shares a topic in a group')
}

// All values of a topic. A consumer of kafkajs says nothing of aborted records that it skips, so
// the end is where a last record, that of no transaction, has come from each partition.
async function texts(topic, isolation) {
  const found = []
  const ended = new Set()
  const plain = kafka.producer()
  await plain.connect()
  const messages = [...Array(partitions).keys()].map((partition) => ({ partition, value: 'end' }))
  const last = new Map()
  for (const { partition, baseOffset } of await plain.send({ topic, messages })) {
    last.set(partition, baseOffset)
  }
  await plain.disconnect()
  const readUncommitted = isolation === 'read_uncommitted'
  const groupId = `texts.${topic}.${Date.now()}`
  const consumer = kafka.consumer({ groupId, readUncommitted, maxWaitTimeInMs: 20 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      const value = message.value.toString()
      if (value !== 'end') found.push(value)
      if (message.offset === last.get(partition)) ended.add(partition)
    },
  })
  for (let waited = 0; ended.size < partitions; waited += 50) {
    assert(waited < 60_000, `${topic} does not end: ${found.length} records`)
    await new Promise((done) => setTimeout(done, 50))
  }
  await consumer.disconnect()
  return found
}

async function transactional() {
  const settings = { transactionalId: 'kafkajs', maxInFlightRequests: 1, idempotent: true }
  const producer = kafka.producer(settings)
  await producer.connect()
  return producer
}

// Reads, transforms and writes in transactions, of which every third is aborted. The consumer of
// kafkajs seeks between batches only, so a batch that was aborted is copied again at once.
async function transactions(admin) {
  const [count, source, target] = [300, 'transactions.source.kafkajs', 'transactions.target.kafkajs']
  const topics = [source, target].map((topic) => ({ topic, numPartitions: partitions }))
  assert(await admin.createTopics({ topics, waitForLeaders: true }))
  const numbers = [...Array(count).keys()].map(String)
  const plain = kafka.producer()
  await plain.connect()
  for (let first = 0; first < count; first += 10) {
    const part = numbers.slice(first, first + 10).map((it) => ({ key: it, value: it }))
    await plain.send({ topic: source, messages: part })
  }
  await plain.disconnect()
  const consumerGroupId = 'transactions.kafkajs'
  const producer = await transactional()
  const [state, failures] = [{ done: 0, aborted: 0, turn: 0 }, []]
  const copy = async (partition, messages, aborts) => {
    const transaction = await producer.transaction()
    const part = messages.map(({ key, value }) => ({ key, value }))
    await transaction.send({ topic: target, messages: part })
    const offset = String(Number(messages.at(-1).offset) + 1)
    const topics = [{ topic: source, partitions: [{ partition, offset }] }]
    await transaction.sendOffsets({ consumerGroupId, topics })
    await (aborts ? transaction.abort() : transaction.commit())
  }
  const eachBatch = async ({ batch }) => {
    for (let first = 0; first < batch.messages.length; first += 10) {
      const part = batch.messages.slice(first, first + 10)
      state.turn += 1
      if (state.turn % 3 === 0) {
        await copy(batch.partition, part, true)
        state.aborted += part.length
      }
      await copy(batch.partition, part, false)
      state.done += part.length
    }
  }
  const consumer = kafka.consumer({ groupId: consumerGroupId, maxWaitTimeInMs: 20 })
  await consumer.connect()
  await consumer.subscribe({ topic: source, fromBeginning: true })
  const guarded = (it) => eachBatch(it).catch((error) => failures.push(error))
  await consumer.run({ autoCommit: false, eachBatch: guarded })
  for (let waited = 0; state.done < count; waited += 50) {
    if (failures.length) throw failures[0]
    assert(waited < 120_000, `${state.done} records in two minutes`)
    await new Promise((done) => setTimeout(done, 50))
  }
  await consumer.disconnect()
  const found = await admin.fetchOffsets({ groupId: consumerGroupId, topics: [source] })
  const sum = found[0].partitions.reduce((sum, { offset }) => sum + Number(offset), 0)
  assert.strictEqual(sum, count, 'what the transactions committed for the group')
  const committed = await texts(target, 'read_committed')
  assert.deepStrictEqual(committed.sort((one, other) => one - other), numbers)
  const all = await texts(target, 'read_uncommitted')
  assert(state.aborted > 0)
  assert.strictEqual(all.length, count + state.aborted)
  await fence(producer, target)
  assert.deepStrictEqual((await texts(target, 'read_committed')).length, count + 1)
  passed('copies in transactions')
}

// A second producer with the same id ends what the first one has begun.
async function fence(first, topic) {
  const zombie = await first.transaction()
  await zombie.send({ topic, messages: [{ value: 'zombie' }] })
  const second = await transactional()
  const transaction = await second.transaction()
  const fenced = (error) => /EPOCH|FENCED/.test(error.type ?? error.cause?.type)
  await assert.rejects(zombie.commit(), (error) => fenced(error) || assert.fail(error))
  await transaction.send({ topic, messages: [{ value: 'second' }] })
  await transaction.commit()
  await second.disconnect()
  await first.disconnect()
}

async function main() {
  await addCodecs()
  const admin = kafka.admin()
  await admin.connect()
  await { write, read, group, transactions }[command](admin)
  await admin.disconnect()
}

main().catch((error) => {
  console.error('FAIL', name, error)
  process.exit(1)
})

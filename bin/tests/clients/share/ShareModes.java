import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * What a share consumer can ask for. Arguments: the brokers, the topic, the group, and what is
 * shown: "renew" keeps ten records for longer than a lock lasts, "limit" gets no more than it asked
 * for out of one batch, "committed" reads what transactions have committed. Says "holds" at the end.
 */
final class ShareModes {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final int RECORDS = 10;
    private static final int LOCK_MILLIS = 5000;

    private final String brokers;
    private final String topic;
    private final String group;

    private ShareModes(String brokers, String topic, String group) {
        this.brokers = brokers;
        this.topic = topic;
        this.group = group;
    }

    public static void main(String[] arguments) throws Exception {
        ShareModes modes = new ShareModes(arguments[0], arguments[1], arguments[2]);
        switch (arguments[3]) {
            case "renew" -> modes.renew();
            case "limit" -> modes.limit();
            case "committed" -> modes.committed();
            default -> throw new IllegalArgumentException(arguments[3]);
        }
        System.out.println("holds");
        System.exit(0);
    }

    private KafkaShareConsumer<String, String> member(Map<String, String> more) {
        Properties config = new Properties();
        config.put("bootstrap.servers", brokers);
        config.put("group.id", group);
        config.put("share.acknowledgement.mode", "explicit");
        config.putAll(more);
        KafkaShareConsumer<String, String> consumer =
                new KafkaShareConsumer<>(config, new StringDeserializer(), new StringDeserializer());
        consumer.subscribe(List.of(topic));
        return consumer;
    }

    /** Writes records as one batch; in a transaction that ends so, if it is of one. */
    private void produce(String kind, int count, String end) throws Exception {
        Properties config = new Properties();
        config.put("bootstrap.servers", brokers);
        config.put("linger.ms", "1000");
        if (end != null) {
            config.put("transactional.id", "share-modes");
        }
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            if (end != null) {
                producer.initTransactions();
                producer.beginTransaction();
            }
            for (int number = 0; number < count; number++) {
                producer.send(new ProducerRecord<>(topic, 0, null, kind + number));
            }
            producer.flush();
            if ("commit".equals(end)) {
                producer.commitTransaction();
            } else if (end != null) {
                producer.abortTransaction();
            }
        }
    }

    private static ConsumerRecords<String, String> some(KafkaShareConsumer<String, String> consumer) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (System.nanoTime() < end) {
            ConsumerRecords<String, String> polled = consumer.poll(Duration.ofMillis(500));
            if (!polled.isEmpty()) {
                return polled;
            }
        }
        throw new IllegalStateException("no records come");
    }

    private static void say(
            KafkaShareConsumer<String, String> consumer,
            ConsumerRecords<String, String> records,
            AcknowledgeType type) {
        for (ConsumerRecord<String, String> record : records) {
            consumer.acknowledge(record, type);
        }
        consumer.commitSync(PATIENCE).values().forEach(problem -> problem.ifPresent(it -> {
            throw it;
        }));
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException(what);
        }
    }

    private void renew() throws Exception {
        produce("renewed", RECORDS, null);
        try (KafkaShareConsumer<String, String> first = member(Map.of());
                KafkaShareConsumer<String, String> second = member(Map.of())) {
            ConsumerRecords<String, String> records = some(first);
            check(records.count() == RECORDS, records.count() + " records at first");
            for (int round = 0; round < 3; round++) {
                say(first, records, AcknowledgeType.RENEW);
                check(second.poll(Duration.ofMillis(LOCK_MILLIS / 2)).isEmpty(), "a lock is over");
                records = some(first);
                check(records.count() == RECORDS, records.count() + " records after " + round);
            }
            for (ConsumerRecord<String, String> record : records) {
                check(record.deliveryCount().orElse((short) 0) == 1, "it was delivered again");
            }
            say(first, records, AcknowledgeType.ACCEPT);
            check(second.poll(Duration.ofMillis(LOCK_MILLIS + 1000)).isEmpty(), "something comes again");
        }
    }

    private void limit() throws Exception {
        produce("limited", RECORDS * 3, null);
        Map<String, String> limited = Map.of(
                "share.acquire.mode", "record_limit", "max.poll.records", "" + RECORDS);
        int read = 0;
        try (KafkaShareConsumer<String, String> consumer = member(limited)) {
            while (read < RECORDS * 3) {
                ConsumerRecords<String, String> records = some(consumer);
                check(records.count() <= RECORDS, records.count() + " records at a time");
                read += records.count();
                say(consumer, records, AcknowledgeType.ACCEPT);
            }
        }
        check(read == RECORDS * 3, read + " records");
    }

    private void committed() throws Exception {
        produce("aborted", RECORDS, "abort");
        produce("committed", RECORDS, "commit");
        List<String> values = new ArrayList<>();
        try (KafkaShareConsumer<String, String> consumer = member(Map.of())) {
            while (values.size() < RECORDS) {
                ConsumerRecords<String, String> records = some(consumer);
                records.forEach(record -> values.add(record.value()));
                say(consumer, records, AcknowledgeType.ACCEPT);
            }
            check(consumer.poll(Duration.ofSeconds(2)).isEmpty(), "there is more");
        }
        check(values.stream().allMatch(it -> it.startsWith("committed")), values.toString());
        check(values.size() == RECORDS, values.toString());
    }
}

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Reads, transforms and writes in transactions, of which every third is aborted. */
final class Transactions {
    private static final int RECORDS = 300;
    private static final int OF_ONE = 10;

    private Transactions() {}

    static void run(Admin admin, String name) throws Exception {
        String source = "transactions.source." + name;
        String target = "transactions.target." + name;
        List<NewTopic> topics = List.of(
                new NewTopic(source, Clients.PARTITIONS, (short) 1),
                new NewTopic(target, Clients.PARTITIONS, (short) 1));
        admin.createTopics(topics).all().get(20, TimeUnit.SECONDS);
        try (KafkaProducer<String, String> producer = producer(null)) {
            for (int number = 0; number < RECORDS; number++) {
                producer.send(new ProducerRecord<>(source, "" + number, "" + number)).get();
            }
        }
        try (KafkaProducer<String, String> producer = producer(name);
                KafkaConsumer<String, String> consumer = consumer(name, "read_committed")) {
            producer.initTransactions();
            int aborted = copy(producer, consumer, source, target);
            Set<String> committed = new TreeSet<>();
            List<String> all = read(target, "read_committed");
            committed.addAll(all);
            Clients.check(all.size() == RECORDS, all.size() + " committed records");
            Clients.check(committed.size() == RECORDS, "a committed record is there twice");
            int uncommitted = read(target, "read_uncommitted").size();
            Clients.check(
                    uncommitted == RECORDS + aborted, uncommitted + " records, " + aborted + " aborted");
            String state = admin.listTransactions().all().get(20, TimeUnit.SECONDS).stream()
                    .filter(found -> found.transactionalId().equals(name))
                    .map(TransactionListing::state).findFirst().orElseThrow().toString();
            Clients.check(state.startsWith("Complete"), "the last transaction is " + state);
            fence(producer, name, target);
        }
    }

    /** Returns how many records were aborted. */
    private static int copy(
            KafkaProducer<String, String> producer,
            KafkaConsumer<String, String> consumer,
            String source,
            String target) {
        consumer.subscribe(List.of(source));
        Map<TopicPartition, Long> next = new TreeMap<>(
                (a, b) -> Integer.compare(a.partition(), b.partition()));
        int done = 0;
        int aborted = 0;
        long until = System.currentTimeMillis() + 120_000;
        for (int turn = 1; done < RECORDS; turn++) {
            Clients.check(System.currentTimeMillis() < until, done + " records in two minutes");
            ConsumerRecords<String, String> polled = consumer.poll(Duration.ofMillis(200));
            if (polled.isEmpty()) {
                continue;
            }
            producer.beginTransaction();
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            int count = 0;
            for (ConsumerRecord<String, String> record : polled) {
                producer.send(new ProducerRecord<>(target, record.key(), record.value()));
                TopicPartition partition = new TopicPartition(source, record.partition());
                offsets.put(partition, new OffsetAndMetadata(record.offset() + 1));
                count++;
            }
            producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
            if (turn % 3 == 0) {
                producer.flush();
                producer.abortTransaction();
                aborted += count;
                rewind(consumer, next);
            } else {
                producer.commitTransaction();
                done += count;
                offsets.forEach((partition, offset) -> next.put(partition, offset.offset()));
            }
        }
        Clients.check(aborted > 0, "nothing was aborted");
        return aborted;
    }

    /** Back to what is committed, which is what the transactions said and nothing else. */
    private static void rewind(
            KafkaConsumer<String, String> consumer, Map<TopicPartition, Long> expected) {
        Map<TopicPartition, OffsetAndMetadata> committed =
                consumer.committed(consumer.assignment());
        for (TopicPartition partition : consumer.assignment()) {
            OffsetAndMetadata found = committed.get(partition);
            long offset = found == null ? 0 : found.offset();
            Clients.check(
                    offset == expected.getOrDefault(partition, 0L),
                    partition + " is committed at " + offset + ", not as in " + expected);
            consumer.seek(partition, offset);
        }
    }

    /** A second producer with the same id ends what the first one has begun. */
    private static void fence(KafkaProducer<String, String> first, String id, String target)
            throws Exception {
        first.beginTransaction();
        first.send(new ProducerRecord<>(target, "zombie", "zombie")).get();
        try (KafkaProducer<String, String> second = producer(id)) {
            second.initTransactions();
            boolean isFenced = false;
            try {
                first.commitTransaction();
            } catch (ProducerFencedException | InvalidProducerEpochException error) {
                isFenced = true;
            }
            Clients.check(isFenced, "a producer that was replaced can commit");
            second.beginTransaction();
            second.send(new ProducerRecord<>(target, "second", "second")).get();
            second.commitTransaction();
        }
        List<String> all = read(target, "read_committed");
        Clients.check(all.size() == RECORDS + 1 && all.contains("second"), "after fencing: " + all);
    }

    private static List<String> read(String topic, String isolation) {
        List<String> found = new ArrayList<>();
        try (KafkaConsumer<String, String> consumer = consumer("none", isolation)) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (int partition = 0; partition < Clients.PARTITIONS; partition++) {
                partitions.add(new TopicPartition(topic, partition));
            }
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = ends(partitions);
            while (partitions.stream().anyMatch(it -> consumer.position(it) < ends.get(it))) {
                consumer.poll(Duration.ofMillis(100)).forEach(record -> found.add(record.value()));
            }
        }
        return found;
    }

    /** The ends of everything: a commit is answered before it shows to readers of what is committed. */
    private static Map<TopicPartition, Long> ends(List<TopicPartition> partitions) {
        try (KafkaConsumer<String, String> consumer = consumer("none", "read_uncommitted")) {
            return consumer.endOffsets(partitions);
        }
    }

    private static KafkaProducer<String, String> producer(String transactionalId) {
        Properties settings = Clients.settings();
        if (transactionalId != null) {
            settings.put("transactional.id", transactionalId);
            settings.put("linger.ms", 5);
        }
        StringSerializer text = new StringSerializer();
        return new KafkaProducer<>(settings, text, text);
    }

    private static KafkaConsumer<String, String> consumer(String group, String isolation) {
        Properties settings = Clients.settings();
        settings.put("group.id", group);
        settings.put("isolation.level", isolation);
        settings.put("enable.auto.commit", false);
        settings.put("auto.offset.reset", "earliest");
        settings.put("max.poll.records", OF_ONE);
        StringDeserializer text = new StringDeserializer();
        return new KafkaConsumer<>(settings, text, text);
    }
}

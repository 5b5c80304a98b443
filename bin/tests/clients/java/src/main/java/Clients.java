import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.AppInfoParser;

/** An unmodified kafka-clients against a running broker: bootstrap address, node count. */
public final class Clients {
    private static final int PARTITIONS = 4;
    private static final int RECORDS = 2000;
    private static final String NAME = "kafka-clients " + AppInfoParser.getVersion();

    private static String bootstrap;

    private static Properties settings() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        return settings;
    }

    private static void pass(String what) {
        System.out.println("PASS " + NAME + " " + what);
    }

    private static void check(boolean holds, String rule) {
        if (!holds) {
            throw new AssertionError(rule);
        }
    }

    private static Map<String, String> produce(String topic, String codec, boolean idempotent)
            throws Exception {
        Properties settings = settings();
        settings.put("compression.type", codec);
        settings.put("acks", "all");
        settings.put("enable.idempotence", idempotent);
        settings.put("linger.ms", 5);
        Map<String, String> placed = new HashMap<>();
        StringSerializer text = new StringSerializer();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings, text, text)) {
            List<String> sent = new ArrayList<>();
            List<Future<RecordMetadata>> results = new ArrayList<>();
            for (int number = 0; number < RECORDS; number++) {
                String key = codec + "-" + idempotent + "-" + number;
                String value = key.repeat(1 + number % 40);
                sent.add(key + "=" + value);
                results.add(producer.send(new ProducerRecord<>(topic, key, value)));
            }
            producer.flush();
            for (int number = 0; number < RECORDS; number++) {
                RecordMetadata result = results.get(number).get(20, TimeUnit.SECONDS);
                placed.put(result.partition() + "/" + result.offset(), sent.get(number));
            }
        }
        check(placed.size() == RECORDS, "each record has a place of its own");
        return placed;
    }

    private static Map<String, String> consume(String topic, int count) {
        Properties settings = settings();
        settings.put("auto.offset.reset", "none");
        settings.put("check.crcs", true);
        Map<String, String> found = new HashMap<>();
        StringDeserializer text = new StringDeserializer();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings, text, text)) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (int partition = 0; partition < PARTITIONS; partition++) {
                partitions.add(new TopicPartition(topic, partition));
            }
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
            while (found.size() < count) {
                check(System.nanoTime() < deadline, found.size() + " of " + count + " came");
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
                    String place = record.partition() + "/" + record.offset();
                    String before = found.put(place, record.key() + "=" + record.value());
                    check(before == null, place + " came twice");
                }
            }
        }
        return found;
    }

    private static void checkOffsets(Admin admin, String topic, long begun, long end)
            throws Exception {
        TopicPartition at = new TopicPartition(topic, 0);
        Map<OffsetSpec, Long> expected = Map.of(
            OffsetSpec.earliest(), 0L,
            OffsetSpec.latest(), end,
            OffsetSpec.forTimestamp(begun), 0L);
        for (Map.Entry<OffsetSpec, Long> one : expected.entrySet()) {
            long offset = admin.listOffsets(Map.of(at, one.getKey())).partitionResult(at)
                .get(20, TimeUnit.SECONDS).offset();
            check(offset == one.getValue(), one.getKey() + ": " + offset);
        }
    }

    public static void main(String[] arguments) throws Exception {
        bootstrap = arguments[0];
        int nodes = Integer.parseInt(arguments[1]);
        String topic = "java-" + AppInfoParser.getVersion();
        try (Admin admin = Admin.create(settings())) {
            int found = admin.describeCluster().nodes().get(20, TimeUnit.SECONDS).size();
            check(found == nodes, found + " nodes, " + nodes + " cores");
            admin.createTopics(List.of(new NewTopic(topic, PARTITIONS, (short) 1)))
                .all().get(20, TimeUnit.SECONDS);
            long begun = System.currentTimeMillis() - 1000;
            Map<String, String> placed = new HashMap<>();
            for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
                placed.putAll(produce(topic, codec, false));
                pass("produce " + codec);
            }
            placed.putAll(produce(topic, "zstd", true));
            pass("idempotent produce");
            check(consume(topic, placed.size()).equals(placed), "what came back differs");
            pass("consume");
            long end = placed.keySet().stream().filter(place -> place.startsWith("0/")).count();
            checkOffsets(admin, topic, begun, end);
            pass("offsets");
            admin.deleteTopics(List.of(topic)).all().get(20, TimeUnit.SECONDS);
            check(!admin.listTopics().names().get(20, TimeUnit.SECONDS).contains(topic),
                "the topic stays");
            pass("admin");
        }
    }
}

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Counts words, with a repartition topic, a state store and its changelog, by two applications: one
 * counts exactly once, the other at least once.
 * WordCount fill BOOTSTRAP PART, run BOOTSTRAP FOLDER, check BOOTSTRAP.
 */
public final class WordCount {
    private static final String LINES = "streams.lines";
    private static final String COUNTS = "streams.counts";
    private static final String PLAIN_COUNTS = "streams.plain-counts";
    private static final int PARTITIONS = 3;
    private static final int PARTS = 3;
    private static final int TEXTS_OF_A_PART = 2_000;
    private static final int VOCABULARY = 40;

    private WordCount() {}

    private static Properties settings(String bootstrap) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        return settings;
    }

    /** The same texts in each process. */
    private static List<String> texts() {
        Random random = new Random(7);
        List<String> texts = new ArrayList<>();
        for (int number = 0; number < PARTS * TEXTS_OF_A_PART; number++) {
            StringBuilder text = new StringBuilder();
            for (int word = 0; word < 5; word++) {
                text.append("word").append(random.nextInt(VOCABULARY)).append(' ');
            }
            texts.add(text.toString());
        }
        return texts;
    }

    private static void create(String bootstrap) throws Exception {
        try (Admin admin = Admin.create(settings(bootstrap))) {
            List<NewTopic> topics = List.of(
                    new NewTopic(LINES, PARTITIONS, (short) 1),
                    new NewTopic(COUNTS, PARTITIONS, (short) 1),
                    new NewTopic(PLAIN_COUNTS, PARTITIONS, (short) 1));
            admin.createTopics(topics).all().get(60, TimeUnit.SECONDS);
        }
    }

    private static void fill(String bootstrap, int part) throws Exception {
        if (part == 0) {
            create(bootstrap);
        }
        StringSerializer text = new StringSerializer();
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(settings(bootstrap), text, text)) {
            int first = part * TEXTS_OF_A_PART;
            for (String line : texts().subList(first, first + TEXTS_OF_A_PART)) {
                producer.send(new ProducerRecord<>(LINES, line));
            }
        }
    }

    private static void run(String bootstrap, String folder) throws Exception {
        start(bootstrap, folder, "word-count", "exactly_once_v2", 2, COUNTS);
        start(bootstrap, folder, "plain-word-count", "at_least_once", 1, PLAIN_COUNTS);
        System.out.println("streams started");
        new CountDownLatch(1).await();
    }

    private static void start(
            String bootstrap,
            String folder,
            String name,
            String guarantee,
            int threads,
            String to) {
        Properties settings = settings(bootstrap);
        settings.put("application.id", name);
        settings.put("processing.guarantee", guarantee);
        settings.put("state.dir", folder);
        settings.put("commit.interval.ms", 100);
        settings.put("num.stream.threads", threads);
        settings.put("replication.factor", 1);
        // A process that was killed is noticed soon.
        settings.put("session.timeout.ms", 3_000);
        settings.put("heartbeat.interval.ms", 500);
        settings.put("default.key.serde", Serdes.StringSerde.class);
        settings.put("default.value.serde", Serdes.StringSerde.class);
        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, String> lines = builder.stream(LINES);
        lines.flatMapValues(line -> List.of(line.trim().split(" ")))
                .groupBy((key, word) -> word)
                .count(Materialized.as("counts"))
                .toStream()
                .to(to, Produced.with(Serdes.String(), Serdes.Long()));
        new KafkaStreams(builder.build(), settings).start();
    }

    private static Map<String, Long> expected() {
        Map<String, Long> expected = new TreeMap<>();
        for (String line : texts()) {
            for (String word : line.trim().split(" ")) {
                expected.merge(word, 1L, Long::sum);
            }
        }
        return expected;
    }

    /** Without {@code once} counts may be too high. */
    private static boolean isDone(
            Map<String, Long> found, Map<String, Long> expected, boolean once) {
        return once
            ? found.equals(expected)
            : expected.keySet().stream()
                .allMatch(word -> found.getOrDefault(word, 0L) >= expected.get(word));
    }

    /** Waits until every word has its count; if once, no count may be skipped or repeated. */
    private static void check(String bootstrap, String topic, boolean once) {
        Map<String, Long> expected = expected();
        Properties settings = settings(bootstrap);
        settings.put("isolation.level", "read_committed");
        List<TopicPartition> partitions = new ArrayList<>();
        for (int number = 0; number < PARTITIONS; number++) {
            partitions.add(new TopicPartition(topic, number));
        }
        Map<String, Long> found = new HashMap<>();
        long until = System.currentTimeMillis() + 120_000;
        try (KafkaConsumer<String, Long> consumer =
                new KafkaConsumer<>(settings, new StringDeserializer(), new LongDeserializer())) {
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            while (!isDone(found, expected, once)) {
                if (System.currentTimeMillis() > until) {
                    throw new AssertionError("found " + new TreeMap<>(found) + ", not " + expected);
                }
                for (ConsumerRecord<String, Long> record : consumer.poll(Duration.ofMillis(200))) {
                    Long before = found.put(record.key(), record.value());
                    if (once && before != null && record.value() <= before) {
                        throw new AssertionError(record.key() + " goes from " + before + " to " + record.value());
                    }
                }
            }
        }
        System.out.println("PASS kafka-streams counts each word " + (once ? "" : "at least ")
                + "once across kills");
    }

    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "fill" -> fill(arguments[1], Integer.parseInt(arguments[2]));
            case "run" -> run(arguments[1], arguments[2]);
            case "check" -> {
                check(arguments[1], COUNTS, true);
                check(arguments[1], PLAIN_COUNTS, false);
            }
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }
}

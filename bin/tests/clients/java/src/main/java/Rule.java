import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** What record NUMBER is: the rule of records.py. */
final class Rule {
    static final int RECORDS = 1000;
    static final long FIRST_TIMESTAMP = 1_700_000_000_000L;
    private static final List<String> NO_NULL_HEADERS = List.of("kafka-python", "kafkajs");

    private Rule() {}

    static long timestamp(int number) {
        return FIRST_TIMESTAMP + 1000L * number;
    }

    private static String key(int number) {
        return number % 10 == 9 ? null : "clé-" + number;
    }

    private static String value(int number) {
        return switch (number % 10) {
            case 4 -> null;
            case 5 -> "";
            default -> (number + "/").repeat(1 + number % 60);
        };
    }

    private static Header header(String name, String value) {
        return new RecordHeader(
            name, value == null ? null : value.getBytes(StandardCharsets.UTF_8));
    }

    private static List<Header> headers(int number, String writer) {
        return switch (number % 3) {
            case 0 -> List.of(
                header("number", String.valueOf(number)),
                header("twice", "a"),
                header("twice", "b"),
                header("empty", ""));
            case 1 -> List.of();
            default -> List.of(header("null", NO_NULL_HEADERS.contains(writer) ? "" : null));
        };
    }

    static ProducerRecord<String, String> record(String topic, int number) {
        List<Header> headers = headers(number, topic.split("\\.")[1]);
        return new ProducerRecord<>(
            topic, null, timestamp(number), key(number), value(number), headers);
    }

    /** Compares a record with the rule and returns its number. */
    static int check(ConsumerRecord<String, String> found) {
        int number = (int) ((found.timestamp() - FIRST_TIMESTAMP) / 1000);
        ProducerRecord<String, String> expected = record(found.topic(), number);
        boolean equal = found.timestamp() == expected.timestamp()
            && 0 <= number && number < RECORDS
            && Objects.equals(found.key(), expected.key())
            && Objects.equals(found.value(), expected.value())
            && List.of(found.headers().toArray()).equals(List.of(expected.headers().toArray()));
        Clients.check(equal, found + " is not " + expected);
        return number;
    }
}

import java.io.File;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * An unmodified kafka-clients over TLS, where logins count for a short time:
 * Logins FOLDER SSL SCRAM TOKENS. FOLDER holds ca.pem, client.pem and a signed token, the rest are
 * addresses.
 */
public final class Logins {
    private static final int LOGINS_AGAIN = 4;
    private static final int RECORDS_MIN = 500;
    private static final Duration PATIENCE = Duration.ofSeconds(90);
    private static final String MODULES = "org.apache.kafka.common.security.";

    private Logins() {}

    private static Properties overTls(String folder, String address, String protocol) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", address);
        settings.put("security.protocol", protocol);
        settings.put("ssl.truststore.type", "PEM");
        settings.put("ssl.truststore.location", folder + "/ca.pem");
        return settings;
    }

    private static Properties certificate(String folder, String address) {
        Properties settings = overTls(folder, address, "SSL");
        settings.put("ssl.keystore.type", "PEM");
        settings.put("ssl.keystore.location", folder + "/client.pem");
        return settings;
    }

    private static Properties scram(String folder, String address) {
        Properties settings = overTls(folder, address, "SASL_SSL");
        settings.put("sasl.mechanism", "SCRAM-SHA-512");
        settings.put("sasl.jaas.config",
            MODULES + "scram.ScramLoginModule required username=\"dave\" password=\"secret\";");
        return settings;
    }

    /** The client reads its token from a file. */
    private static Properties token(String folder, String address) {
        String url = new File(folder, "token").toURI().toString();
        System.setProperty("org.apache.kafka.sasl.oauthbearer.allowed.urls", url);
        Properties settings = overTls(folder, address, "SASL_SSL");
        settings.put("sasl.mechanism", "OAUTHBEARER");
        settings.put("sasl.oauthbearer.token.endpoint.url", url);
        settings.put("sasl.login.callback.handler.class",
            MODULES + "oauthbearer.OAuthBearerLoginCallbackHandler");
        settings.put("sasl.jaas.config",
            MODULES + "oauthbearer.OAuthBearerLoginModule required;");
        return settings;
    }

    private static int total(Map<MetricName, ? extends Metric> metrics, String name) {
        return metrics.values().stream()
            .filter(it -> it.metricName().name().equals(name))
            .mapToInt(it -> ((Number) it.metricValue()).intValue()).sum();
    }

    private static boolean hasLoggedIn(Map<MetricName, ? extends Metric> metrics, int again) {
        int failed = total(metrics, "failed-authentication-total")
            + total(metrics, "failed-reauthentication-total");
        Clients.check(failed == 0, failed + " logins failed");
        return total(metrics, "successful-reauthentication-total") >= again;
    }

    /** Until both have logged in again so often each record that is written comes once, in order. */
    private static void flow(String name, Properties settings, int again) throws Exception {
        String topic = "logins." + name.replace(' ', '-') + "." + Clients.VERSION;
        settings.put("group.id", topic);
        settings.put("auto.offset.reset", "earliest");
        settings.put("linger.ms", 5);
        StringSerializer text = new StringSerializer();
        StringDeserializer back = new StringDeserializer();
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        int read = 0;
        long until = System.nanoTime() + PATIENCE.toNanos();
        try (var producer = new KafkaProducer<>(settings, text, text);
                var consumer = new KafkaConsumer<>(settings, back, back)) {
            producer.send(new ProducerRecord<>(topic, 0, null, "0")).get(30, TimeUnit.SECONDS);
            consumer.subscribe(List.of(topic));
            int written = 1;
            while (read < written) {
                Clients.check(System.nanoTime() < until, name + ": " + read + " of " + written);
                boolean isEnough = written >= RECORDS_MIN
                    && hasLoggedIn(producer.metrics(), again)
                    && hasLoggedIn(consumer.metrics(), again);
                for (int more = isEnough ? 0 : 5; more > 0; more--) {
                    ProducerRecord<String, String> next =
                        new ProducerRecord<>(topic, 0, null, "" + written++);
                    sent.add(producer.send(next));
                }
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(20))) {
                    boolean isNext = record.value().equals("" + read);
                    Clients.check(isNext, record + " is not number " + read);
                    read++;
                }
            }
            for (Future<RecordMetadata> one : sent) {
                one.get(30, TimeUnit.SECONDS);
            }
        }
        Clients.pass("by " + name + " loses none of its records"
            + (again > 0 ? " while it logs in again" : ""));
    }

    public static void main(String[] arguments) throws Exception {
        String folder = arguments[0];
        List<Callable<Void>> flows = List.of(
            () -> run("certificate", certificate(folder, arguments[1]), 0),
            () -> run("SCRAM over TLS", scram(folder, arguments[2]), LOGINS_AGAIN),
            () -> run("token over TLS", token(folder, arguments[3]), LOGINS_AGAIN));
        ExecutorService threads = Executors.newFixedThreadPool(flows.size());
        try {
            for (Future<Void> one : threads.invokeAll(flows)) {
                one.get();
            }
        } finally {
            threads.shutdownNow();
        }
    }

    private static Void run(String name, Properties settings, int again) throws Exception {
        flow(name, settings, again);
        return null;
    }
}

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.rocketmq.tools.command.MQAdminStartup;

/** Runs mqadmin commands in this JVM, one at a time, and returns what they print. */
final class Admin {
    private Admin() { }

    static synchronized String run(List<String> words, String namesrv) {
        PrintStream before = System.out;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        PrintStream capture = new PrintStream(printed, true, StandardCharsets.UTF_8);
        PrintStream errors = System.err;
        System.setProperty("rocketmq.namesrv.addr", namesrv);
        System.setOut(capture);
        System.setErr(capture);
        try {
            // It signs with the keys of conf/tools.yml and ignores a hook of its caller.
            MQAdminStartup.main0(words.toArray(new String[0]), null);
        } finally {
            System.setOut(before);
            System.setErr(errors);
        }
        return printed.toString(StandardCharsets.UTF_8);
    }
}

import com.alibaba.fastjson.JSONObject;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** Each half message says itself how its transaction ends: words of its properties local, check. */
final class Decisions implements TransactionListener {
    static final String LOCAL = "local";
    static final String CHECK = "check";

    private final String name;
    private final Map<String, AtomicInteger> checks = new ConcurrentHashMap<>();

    Decisions(String name) {
        this.name = name;
    }

    @Override
    public LocalTransactionState executeLocalTransaction(Message message, Object argument) {
        return state(message.getProperty(LOCAL));
    }

    /** "unknown,commit" says: undecided at the first check, committed at the second. */
    @Override
    public LocalTransactionState checkLocalTransaction(MessageExt message) {
        String id = message.getTransactionId();
        int seen = checks.computeIfAbsent(id, unused -> new AtomicInteger()).getAndIncrement();
        String rule = message.getProperty(CHECK);
        String[] words = (rule == null ? "commit" : rule).split(",");
        LocalTransactionState state = state(words[Math.min(seen, words.length - 1)]);
        JSONObject line = Lines.event("check", name).fluentPut("answer", state.name());
        Lines.print(line.fluentPut("message", Lines.message(message)));
        return state;
    }

    private static LocalTransactionState state(String word) {
        switch (word == null ? "commit" : word) {
            case "commit": return LocalTransactionState.COMMIT_MESSAGE;
            case "rollback": return LocalTransactionState.ROLLBACK_MESSAGE;
            default: return LocalTransactionState.UNKNOW;
        }
    }
}

import com.alibaba.fastjson.JSONArray;
import com.alibaba.fastjson.JSONObject;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** Sends rows of messages: sync, async, oneway, batch, selector, transaction, request. */
final class ProducerRole implements Peer.Role {
    private final String name;
    private final DefaultMQProducer producer;

    ProducerRole(String name, JSONObject given) throws Exception {
        this.name = name;
        producer = create(given);
        Peer.configure(producer, given);
        if (given.containsKey("retries")) {
            producer.setRetryTimesWhenSendFailed(given.getIntValue("retries"));
            producer.setRetryTimesWhenSendAsyncFailed(given.getIntValue("retries"));
        }
        if (given.containsKey("timeoutMillis")) {
            producer.setSendMsgTimeout(given.getIntValue("timeoutMillis"));
        }
        if (given.containsKey("compressOver")) {
            producer.setCompressMsgBodyOverHowmuch(given.getIntValue("compressOver"));
        }
        if (given.containsKey("maxMessageSize")) {
            producer.setMaxMessageSize(given.getIntValue("maxMessageSize"));
        }
        producer.start();
    }

    private DefaultMQProducer create(JSONObject given) {
        String group = given.getString("group");
        boolean trace = given.getBooleanValue("trace");
        if (!given.getBooleanValue("transaction")) {
            return new DefaultMQProducer(group, Peer.hook(given), trace, null);
        }
        TransactionMQProducer transactional =
            new TransactionMQProducer(null, group, Peer.hook(given), trace, null);
        transactional.setTransactionListener(new Decisions(name));
        return transactional;
    }

    @Override
    public Object call(String op, JSONObject given) throws Exception {
        switch (op) {
            case "send": return send(given);
            case "request": return request(given);
            case "queues": return Lines.queues(
                producer.fetchPublishMessageQueues(given.getString("topic")));
            default: throw new IllegalArgumentException("a producer has no " + op);
        }
    }

    private JSONArray send(JSONObject given) throws Exception {
        List<Message> messages = messages(given);
        String mode = given.getString("mode");
        if (mode.equals("batch")) {
            JSONArray rows = new JSONArray();
            rows.add(attempt(messages.get(0), () -> producer.send(messages)));
            return rows;
        }
        return mode.equals("async") ? sendAsync(messages) : sendEach(mode, messages, given);
    }

    private JSONArray sendEach(String mode, List<Message> messages, JSONObject given)
            throws InterruptedException {
        JSONArray rows = new JSONArray();
        for (int i = 0; i < messages.size(); i++) {
            Message message = messages.get(i);
            int queue = given.containsKey("queue") ? given.getIntValue("queue") : i;
            JSONObject row = attempt(message, () -> sendOne(mode, message, queue));
            if (given.getBooleanValue("stream")) {
                Lines.print(Lines.event("sent", name).fluentPut("row", row));
            }
            rows.add(row);
            Thread.sleep(given.getLongValue("pauseMillis"));
        }
        return rows;
    }

    private SendResult sendOne(String mode, Message message, int queue) throws Exception {
        switch (mode) {
            case "sync": return producer.send(message);
            case "oneway": producer.sendOneway(message); return null;
            case "transaction":
                return producer.sendMessageInTransaction(message, null);
            case "selector":
                return producer.send(message, (queues, m, n) -> queues.get((int) n % queues.size()), queue);
            default: throw new IllegalArgumentException("unknown mode " + mode);
        }
    }

    private JSONArray sendAsync(List<Message> messages) throws Exception {
        JSONObject[] rows = new JSONObject[messages.size()];
        CountDownLatch open = new CountDownLatch(rows.length);
        for (int i = 0; i < rows.length; i++) {
            int at = i;
            Message message = messages.get(i);
            producer.send(message, new SendCallback() {
                @Override
                public void onSuccess(SendResult result) {
                    rows[at] = Lines.sent(message, result);
                    open.countDown();
                }

                @Override
                public void onException(Throwable thrown) {
                    rows[at] = Lines.failure(thrown);
                    open.countDown();
                }
            });
        }
        open.await();
        JSONArray all = new JSONArray();
        all.addAll(List.of(rows));
        return all;
    }

    private JSONObject request(JSONObject given) throws Exception {
        Message reply =
            producer.request(messages(given).get(0), given.getLongValue("waitMillis"));
        return new JSONObject(true).fluentPut("body", Lines.text(reply))
            .fluentPut("properties", reply.getProperties());
    }

    private interface Sending {
        SendResult run() throws Exception;
    }

    private static JSONObject attempt(Message message, Sending sending) {
        try {
            return Lines.sent(message, sending.run());
        } catch (Exception thrown) {
            return Lines.failure(thrown).fluentPut("body", Lines.text(message));
        }
    }

    /** Lists of tags, keys, local and check decisions are dealt out round robin. */
    private static List<Message> messages(JSONObject given) {
        List<Message> messages = new ArrayList<>();
        JSONArray bodies = given.getJSONArray("bodies");
        for (int i = 0; i < bodies.size(); i++) {
            Message message = new Message(given.getString("topic"), dealt(given, "tags", i),
                dealt(given, "keys", i), bodies.getString(i).getBytes(StandardCharsets.UTF_8));
            JSONObject properties = given.getJSONObject("properties");
            if (properties != null) {
                for (Map.Entry<String, Object> property : properties.entrySet()) {
                    message.putUserProperty(property.getKey(), property.getValue().toString());
                }
            }
            for (String rule : new String[] {Decisions.LOCAL, Decisions.CHECK}) {
                if (given.containsKey(rule)) {
                    message.putUserProperty(rule, dealt(given, rule, i));
                }
            }
            if (given.containsKey("delayLevel")) {
                message.setDelayTimeLevel(given.getIntValue("delayLevel"));
            }
            message.setFlag(given.getIntValue("flag"));
            messages.add(message);
        }
        return messages;
    }

    private static String dealt(JSONObject given, String field, int i) {
        JSONArray values = given.getJSONArray(field);
        return values == null ? "" : values.getString(i % values.size());
    }

    @Override
    public void shutdown() {
        producer.shutdown();
    }
}

import com.alibaba.fastjson.JSON;
import com.alibaba.fastjson.JSONObject;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.rocketmq.acl.common.AclClientRPCHook;
import org.apache.rocketmq.acl.common.SessionCredentials;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.remoting.RPCHook;

/** Any number of genuine clients in one JVM: a JSON command a line on stdin, until stdin ends. */
public final class Peer {
    /** One client under a name: it answers calls until it is shut down. */
    interface Role {
        Object call(String op, JSONObject given) throws Exception;

        void shutdown() throws Exception;
    }

    private static final Map<String, Role> ROLES = new ConcurrentHashMap<>();

    private Peer() { }

    public static void main(String[] args) throws Exception {
        System.setOut(System.err);
        Lines.print(Lines.event("ready", "peer"));
        ExecutorService workers = Executors.newCachedThreadPool();
        BufferedReader commands =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            JSONObject command = JSON.parseObject(line);
            workers.execute(() -> answer(command));
        }
        Runtime.getRuntime().halt(0);
    }

    private static void answer(JSONObject command) {
        JSONObject line = new JSONObject(true).fluentPut("id", command.getIntValue("id"));
        try {
            line.put("result", run(command.getString("op"), command));
        } catch (Throwable thrown) {
            JSONObject failure = Lines.failure(thrown);
            line.put("error", failure.getString("error") + ": " + failure.getString("message"));
            thrown.printStackTrace();
        }
        Lines.print(line);
    }

    private static Object run(String op, JSONObject given) throws Exception {
        String name = given.getString("name");
        if (op.equals("start")) {
            ROLES.put(name, create(given.getString("kind"), name, given));
            return name;
        }
        if (op.equals("admin")) {
            List<String> words = given.getJSONArray("words").toJavaList(String.class);
            return Admin.run(words, given.getString("namesrv"));
        }
        Role role = ROLES.get(name);
        if (role == null) {
            throw new IllegalArgumentException("no client is named " + name);
        }
        if (op.equals("shutdown")) {
            ROLES.remove(name).shutdown();
            return name;
        }
        return role.call(op, given);
    }

    private static Role create(String kind, String name, JSONObject given) throws Exception {
        switch (kind) {
            case "producer": return new ProducerRole(name, given);
            case "push": return new PushRole(name, given);
            case "pull": return new PullRole(given);
            case "litepull": return new LitePullRole(given);
            default: throw new IllegalArgumentException("unknown kind " + kind);
        }
    }

    /** Signs every request when the command brought credentials. */
    static RPCHook hook(JSONObject given) {
        String key = given.getString("accessKey");
        return key == null ? null
            : new AclClientRPCHook(new SessionCredentials(key, given.getString("secretKey")));
    }

    static void configure(ClientConfig client, JSONObject given) {
        client.setNamesrvAddr(given.getString("namesrv"));
        if (given.containsKey("instance")) {
            client.setInstanceName(given.getString("instance"));
        }
        if (given.containsKey("unitName")) {
            client.setUnitName(given.getString("unitName"));
        }
        client.setVipChannelEnabled(given.getBooleanValue("vipChannel"));
    }
}

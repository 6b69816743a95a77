import com.google.gson.Gson;
import com.segment.analytics.Analytics;
import com.segment.analytics.Callback;
import com.segment.analytics.messages.*;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Date;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Sends the visit with Segment's Java SDK: SegmentJava &lt;url&gt; &lt;write key&gt; &lt;visit.json&gt; */
public class SegmentJava {
  @SuppressWarnings("unchecked")
  public static void main(String[] args) throws Exception {
    Map<String, Object>[] calls = new Gson().fromJson(Files.readString(Path.of(args[2])), Map[].class);
    CountDownLatch sent = new CountDownLatch(calls.length);
    Analytics client =
        Analytics.builder(args[1])
            .endpoint(args[0])
            .flushQueueSize(4)
            .callback(
                new Callback() {
                  public void success(Message message) {
                    sent.countDown();
                  }

                  public void failure(Message message, Throwable why) {
                    throw new IllegalStateException(why);
                  }
                })
            .build();
    for (Map<String, Object> call : calls) {
      MessageBuilder builder = builderOf(call);
      if (call.get("userId") != null) builder.userId((String) call.get("userId"));
      if (call.get("anonymousId") != null) builder.anonymousId((String) call.get("anonymousId"));
      builder.timestamp(Date.from(Instant.parse((String) call.get("timestamp"))));
      client.enqueue(builder);
    }
    client.flush();
    if (!sent.await(20, TimeUnit.SECONDS)) throw new IllegalStateException("not all was sent");
    client.shutdown();
    System.exit(0);
  }

  @SuppressWarnings("unchecked")
  static MessageBuilder builderOf(Map<String, Object> call) {
    Map<String, Object> properties = (Map<String, Object>) call.get("properties");
    Map<String, Object> traits = (Map<String, Object>) call.get("traits");
    switch ((String) call.get("type")) {
      case "identify":
        return IdentifyMessage.builder().traits(traits);
      case "group":
        return GroupMessage.builder((String) call.get("groupId")).traits(traits);
      case "page":
        return PageMessage.builder((String) call.get("name")).properties(properties);
      case "screen":
        return ScreenMessage.builder((String) call.get("name")).properties(properties);
      case "track":
        return TrackMessage.builder((String) call.get("event")).properties(properties);
      case "alias":
        return AliasMessage.builder((String) call.get("previousId"));
      default:
        throw new IllegalArgumentException("no call named " + call.get("type"));
    }
  }
}

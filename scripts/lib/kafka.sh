# kafka.sh: the real Apache Kafka of scripts/services. Sourced; works on the folder $dir.
#
# Brokers are numbered from 1, run in KRaft combined mode (each is broker and controller), listen
# on loopback only and keep their ports and data over a kill and a restart. The jars come from
# Maven once, at a pinned version, into the user's cache: that folder is complete or absent.

kafka_version=4.1.0
slf4j_version=1.7.36
kafka_jars=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/weir/kafka-$kafka_version

kafka_pom() {
    cat <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>weir</groupId><artifactId>kafka</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
      <version>$kafka_version</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId>
      <version>$kafka_version</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId>
      <version>$slf4j_version</version></dependency>
  </dependencies>
</project>
POM
}

kafka_fetch() {
    [[ -d $kafka_jars ]] && return
    local part
    say "fetching Apache Kafka $kafka_version (once, into $kafka_jars)"
    mkdir -p "${kafka_jars%/*}"
    part=$(mktemp -d "$kafka_jars.XXXXXX")
    kafka_pom >"$part/pom.xml"
    if ! mvn -B -q -f "$part/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
        -DoutputDirectory="$part/jars" -DincludeScope=runtime >"$dir/maven.log" 2>&1; then
        tail -n 20 "$dir/maven.log" >&2
        rm -rf "$part"
        return 1
    fi
    # Whoever is first wins; the loser of a race throws its copy away.
    mv -T "$part/jars" "$kafka_jars" 2>/dev/null || [[ -d $kafka_jars ]]
    rm -rf "$part"
}

kafka_brokers() { cat "$dir/kafka.brokers" 2>/dev/null || echo 0; }
kafka_numbers() { seq 1 "$(kafka_brokers)"; }
kafka_port() { cat "$dir/kafka-$1.port"; }
kafka_runs() { process_runs "$dir/kafka-$1.pid" "$dir/kafka-$1.properties"; }
kafka_bootstrap() {
    local broker list=
    for broker in $(kafka_numbers); do
        list+=${list:+,}127.0.0.1:$(kafka_port "$broker")
    done
    echo "$list"
}

# Answers: it has said so in its log since its last start, and its port takes connections.
kafka_answers() {
    grep -q 'Kafka Server started' "$dir/kafka-$1.log" &&
        (exec 3<>"/dev/tcp/127.0.0.1/$(kafka_port "$1")") 2>/dev/null
}

kafka_java() {
    echo "$java" -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto \
        -Dorg.slf4j.simpleLogger.showDateTime=true \
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS" \
        -Dlog4j2.level=OFF -Dorg.slf4j.simpleLogger.logFile=System.out
}

kafka_settings() {
    local broker=$1 copies=1 insync=1
    if (($(kafka_brokers) >= 3)); then
        copies=3 insync=2
    fi
    cat <<SETTINGS
process.roles=broker,controller
node.id=$broker
controller.quorum.voters=$(kafka_voters)
listeners=BROKER://127.0.0.1:$(kafka_port "$broker"),BEHIND://127.0.0.1:$(<"$dir/kafka-$broker.behind"),CONTROLLER://127.0.0.1:$(<"$dir/kafka-$broker.controller")
advertised.listeners=BROKER://127.0.0.1:$(kafka_port "$broker"),BEHIND://127.0.0.1:$(<"$dir/kafka-$broker.proxy")
listener.security.protocol.map=BROKER:PLAINTEXT,BEHIND:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
log.dirs=$dir/kafka-$broker
auto.create.topics.enable=false
default.replication.factor=$copies
min.insync.replicas=$insync
offsets.topic.replication.factor=$copies
offsets.topic.num.partitions=10
transaction.state.log.replication.factor=$copies
transaction.state.log.min.isr=$insync
transaction.state.log.num.partitions=10
share.coordinator.state.topic.replication.factor=$copies
share.coordinator.state.topic.min.isr=$insync
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
log.cleaner.dedupe.buffer.size=8388608
metadata.max.idle.interval.ms=30000
SETTINGS
}

kafka_voters() {
    local broker list=
    for broker in $(kafka_numbers); do
        list+=${list:+,}$broker@127.0.0.1:$(<"$dir/kafka-$broker.controller")
    done
    echo "$list"
}

kafka_create() {
    local broker cluster formats=()
    echo "$1" >"$dir/kafka.brokers"
    cluster=$(head -c 16 /dev/urandom | base64 | tr '+/' 'ab' | tr -d '=')
    for broker in $(kafka_numbers); do
        free_port >"$dir/kafka-$broker.port"
        free_port >"$dir/kafka-$broker.controller"
        free_port >"$dir/kafka-$broker.behind"
        free_port >"$dir/kafka-$broker.proxy"
    done
    for broker in $(kafka_numbers); do
        kafka_settings "$broker" >"$dir/kafka-$broker.properties"
        # shellcheck disable=SC2046
        $(kafka_java) -cp "$kafka_jars/*" kafka.tools.StorageTool format -t "$cluster" \
            -c "$dir/kafka-$broker.properties" >>"$dir/kafka-$broker.log" 2>&1 9>&- &
        formats+=($!)
    done
    for broker in "${formats[@]}"; do
        wait "$broker" || return 1
    done
}

# The log starts anew with the process, since its line "Kafka Server started" is read; the one
# before is kept beside it.
kafka_start() {
    kafka_runs "$1" && return
    [[ ! -e $dir/kafka-$1.log ]] || mv "$dir/kafka-$1.log" "$dir/kafka-$1.log.before"
    # shellcheck disable=SC2046
    in_background "kafka-$1" $(kafka_java) -cp "$kafka_jars/*" kafka.Kafka \
        "$dir/kafka-$1.properties"
}

kafka_ready() { wait_while_running 120 "kafka_runs $1" "kafka_answers $1"; }
kafka_stop() { stop_process "kafka_runs $1" "$dir/kafka-$1.pid" TERM; }
kafka_kill() { stop_process "kafka_runs $1" "$dir/kafka-$1.pid" KILL; }
kafka_leave() { stop_process "kafka_runs $1" "$dir/kafka-$1.pid" TERM 60; }

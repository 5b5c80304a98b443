# Sourced by the steps that run other people's programs: brokers, ports, processes, waiting.
# A step sets program, work (a folder of its own) and bootstrap, and calls `stop_all` at its end.
# shellcheck shell=bash
declare -A processes=()
# A pattern of names: processes whose end is no failure by itself.
may_end=

fail() {
  echo "FAIL $*" >&2
  exit 1
}

# $1: the first of 1000 ports that no other step uses; the kernel gives out none of them by itself,
# so a broker finds its port again after a kill. Prints one that is free with those after it.
free_port() {
  local first port next
  for _ in $(seq 100); do
    first=$(($1 + RANDOM % 60 * 16))
    for ((port = first, next = 0; next < 16; next++)); do
      ! (exec 3<>"/dev/tcp/127.0.0.1/$((port + next))") 2>/dev/null || continue 2
    done
    echo "$port"
    return
  done
  fail "no port is free from $1 on"
}

# $1: name. The rest is a program with its arguments; what it says goes to $work/NAME.log.
start() {
  local name=$1
  shift
  "$@" >>"$work/$name.log" 2>&1 </dev/null &
  processes[$name]=$!
}

# $1: signal. $2: name. Returns the program's own status.
end() {
  local process=${processes[$2]} status=0
  unset "processes[$2]"
  kill "-$1" "$process" 2>/dev/null || true
  wait "$process" 2>/dev/null || status=$?
  return "$status"
}

# $1: seconds. $2: what is waited for. The rest is a command that is tried until it is true.
# A process of ours that ends meanwhile ends the wait.
await() {
  local until=$((SECONDS + $1)) what=$2 name
  shift 2
  until "$@" >"$work/await.log" 2>&1; do
    for name in "${!processes[@]}"; do
      # shellcheck disable=SC2053
      [[ $name == $may_end ]] || kill -0 "${processes[$name]}" 2>/dev/null || fail "$name ended before: $what"
    done
    ((SECONDS < until)) || { tail -n 20 "$work/await.log" >&2; fail "in time: $what"; }
    sleep 0.2
  done
}

# $1: name. $2: port. The rest: settings KEY=VALUE. Groups wait neither for more members nor long
# for those that were killed.
start_broker() {
  local name=$1 port=$2 setting settings=()
  shift 2
  for setting in "$@"; do settings+=(--set "$setting"); done
  start "$name" "$program" serve --data-dir "$work/$name.data" --listen "127.0.0.1:$port" \
    --set corelog.metrics.listen= --set group.initial.rebalance.delay.ms=0 \
    --set group.min.session.timeout.ms=1000 "${settings[@]}"
  await 60 "broker $name is ready" answers "$port"
}

# $1: port. What listens there speaks the protocol.
answers() {
  timeout 5 "$program" topic list --bootstrap "127.0.0.1:$1"
}

# $1: topic. The sum of its end offsets, what is aborted too.
end_offset() {
  "$program" topic describe "$1" --json --bootstrap "$bootstrap" |
    python3 -c 'import json, sys
print(sum(one["end"] for one in json.load(sys.stdin)["partitions"]))'
}

# For `trap stop_all EXIT`: ends what runs, and after a failure shows what each of it said.
stop_all() {
  local status=$? name log
  for name in "${!processes[@]}"; do kill -9 "${processes[$name]}" 2>/dev/null || true; done
  if ((status != 0)); then
    for log in "$work"/*.log; do
      printf -- '--- %s\n' "$log"
      tail -n 25 "$log"
    done >&2
  fi
  rm -rf "$work"
}

#!/bin/sh
# What is run in the virtual machine, as its first process: Portway with the kernel's TLS, and
# clients that were written by others. Prints one line for each check: "ok …" or "not ok …".
export PATH=/bin:/sbin:/usr/bin LD_LIBRARY_PATH=/lib
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s /bin
mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
ip link set lo up
echo / > /proc/sys/kernel/core_pattern

log=/tmp/error.log
check() { # NAME COMMAND…
    name=$1; shift
    if "$@"; then
        echo "ok $name"
    else
        echo "not ok $name"
        [ ! -e /tmp/said ] || grep -aE '^(<<<|>>>|.*error)' /tmp/said | tail -n 5 | sed 's/^/# /'
        tail -n 3 $log | sed 's/^/# /'
    fi
}
count() { awk -v name="$1" '$1 == name { print $2 }' /proc/net/tls_stat; }
same() { cmp -s "$1" "/www/$2"; }
get() { curl -sk --max-time 100 "$@"; }

dd if=/dev/urandom of=/www/big bs=64k count=64 2>/dev/null
dd if=/dev/urandom of=/www/medium bs=1k count=333 2>/dev/null
echo small-file-of-text > /www/small

# Without the module, TLS is as it always is.
mv /sbin/modprobe /sbin/modprobe.not
portway -c /etc/nginx.conf
sleep 1
check "without the module the log says so once" [ "$(grep -c 'does no TLS' $log)" = 1 ]
get -o /tmp/out https://127.0.0.1:443/big
check "without the module files arrive" same /tmp/out big
mv /sbin/modprobe.not /sbin/modprobe

# A reload lets the master load it.
kill -HUP "$(cat /tmp/portway.pid)"
sleep 3
check "the module is loaded by a reload" grep -q 'the kernel does TLS' $log
grep 'kernel does TLS' $log | sed 's/^/# /'
renews=yes; grep -q 'without renewing' $log && renews=no

fetch() { # NAME PORT CURL-OPTIONS…
    name=$1 port=$2; shift 2
    before=$(count TlsTxSw)
    get "$@" -o /tmp/out "https://127.0.0.1:$port/big"
    check "$name: a large file" same /tmp/out big
    check "$name: by the kernel" [ "$(count TlsTxSw)" = $((before + 1)) ]
}
fetch "TLS 1.3 AES-128" 443 --tls13-ciphers TLS_AES_128_GCM_SHA256
fetch "TLS 1.3 AES-256" 443 --tls13-ciphers TLS_AES_256_GCM_SHA384
fetch "TLS 1.3 ChaCha20" 443 --tls13-ciphers TLS_CHACHA20_POLY1305_SHA256
fetch "TLS 1.2 AES-128" 444 --ciphers ECDHE-ECDSA-AES128-GCM-SHA256
fetch "TLS 1.2 AES-256" 444 --ciphers ECDHE-ECDSA-AES256-GCM-SHA384
fetch "TLS 1.2 ChaCha20" 444 --ciphers ECDHE-ECDSA-CHACHA20-POLY1305
check "records that arrive are not the kernel's" [ "$(count TlsRxSw)" = 0 ]

before=$(count TlsTxSw)
get -o /tmp/out https://127.0.0.1/small
check "a small file" same /tmp/out small
check "a small file is not worth the kernel" [ "$(count TlsTxSw)" = "$before" ]
get -o /tmp/out https://127.0.0.1:445/big
check "a server that does not ask for it" same /tmp/out big
check "it has none of it" [ "$(count TlsTxSw)" = "$before" ]

for port in 443 444; do
    before=$(count TlsTxSw)
    dials=$(get -w '%{num_connects}\n' -o /tmp/1 https://127.0.0.1:$port/small \
        -o /tmp/2 https://127.0.0.1:$port/big -o /tmp/3 https://127.0.0.1:$port/small \
        -o /tmp/4 https://127.0.0.1:$port/medium -o /tmp/5 https://127.0.0.1:$port/proxied/big \
        -o /tmp/6 https://127.0.0.1:$port/small | tr -d '\n')
    check "port $port: one connection for all" [ "$dials" = 100000 ]
    for file in 1:small 2:big 3:small 4:medium 5:big 6:small; do
        check "port $port: kept alive, response $file" same /tmp/${file%:*} ${file#*:}
    done
    check "port $port: handed over once" [ "$(count TlsTxSw)" = $((before + 1)) ]
    get -r 1000-300999 -o /tmp/out https://127.0.0.1:$port/big
    dd if=/www/big of=/tmp/part bs=1000 skip=1 count=300 2>/dev/null
    check "port $port: a range" cmp -s /tmp/out /tmp/part
    # What a client sends afterwards is read by the process.
    answer=$(get -o /tmp/1 https://127.0.0.1:$port/big \
        --next -sk -T /www/medium https://127.0.0.1:$port/put)
    check "port $port: an upload behind it" [ "$answer" = "took 340992" ]
done

# A client that reads slowly, and small buffers: what is closed behind a response must not be cut.
# (The kernel drops what it holds above TCP when a socket is closed while its buffer is full.)
sizes=40
echo '4096 131072 131072' > /proc/sys/net/ipv4/tcp_wmem
echo '4096 8192 8192' > /proc/sys/net/ipv4/tcp_rmem
whole=0 before=$(count TlsTxSw) bytes=210001 n=0
while [ $n -lt $sizes ]; do
    n=$((n + 1)) bytes=$((bytes + 3777))
    head -c $bytes /www/big > /www/part
    get --limit-rate 1500k -H 'Connection: close' -o /tmp/out https://127.0.0.1/part
    same /tmp/out part && whole=$((whole + 1))
done
check "what is closed behind a response is whole ($whole of $sizes)" [ $whole = $sizes ]
check "all of it by the kernel" [ "$(count TlsTxSw)" = $((before + sizes)) ]
echo '4096 131072 6291456' > /proc/sys/net/ipv4/tcp_rmem
echo '4096 131072 4194304' > /proc/sys/net/ipv4/tcp_wmem

# OpenSSL's client prints the messages of TLS; a line "k" or "K" has it renew its key.
talk() { # OPTIONS… ; what is said comes from standard input
    openssl s_client -connect 127.0.0.1:443 -msg "$@" > /tmp/said 2>&1
}
request() { printf 'GET /%s HTTP/1.1\r\nHost: a\r\n%s\r\n' "$1" "$2"; }
before=$(count TlsTxSw)
(request medium; sleep 3; echo k; sleep 1; request small 'Connection: close
'; sleep 3) | talk -tls1_3
check "a client renews its key" grep -aq small-file-of-text /tmp/said
(request medium; sleep 3; echo K; sleep 1; request small 'Connection: close
'; sleep 3) | talk -tls1_3
if [ $renews = yes ]; then
    check "a client has both keys renewed" grep -aq small-file-of-text /tmp/said
    check "with a KeyUpdate of ours" \
        [ "$(grep -ac '<<< TLS 1.3.*KeyUpdate' /tmp/said)" = 1 ]
else
    check "a client that wants our key renewed is told that it is over" \
        grep -aq '<<< TLS 1.3, Alert.*fatal internal_error' /tmp/said
fi
(request big 'Connection: close
'; sleep 5) | talk -tls1_3
check "close_notify in TLS 1.3" grep -aq '<<<.*warning close_notify' /tmp/said
(request big 'Connection: close
'; sleep 5) | openssl s_client -connect 127.0.0.1:444 -msg > /tmp/said 2>&1
check "close_notify in TLS 1.2" grep -aq '<<<.*warning close_notify' /tmp/said
(request medium; sleep 3; echo R; sleep 2) | openssl s_client -connect 127.0.0.1:444 > /tmp/said 2>&1
get -o /tmp/out https://127.0.0.1/small
check "a renegotiation ends its connection alone" same /tmp/out small
check "all of these by the kernel" [ "$(count TlsTxSw)" = $((before + 5)) ]

check "variables are known after the hand-over" \
    grep -q '^TLSv1.3 TLS_AES_256_GCM_SHA384 . http/1.1 /proxied/big 200' /tmp/access.log
check "no alert in the log" [ "$(grep -cE '\[(alert|emerg|crit)\]' $log)" = 0 ]
kill -QUIT "$(cat /tmp/portway.pid)"
sleep 2
check "it ends in order" [ ! -e /tmp/portway.pid ]
check "no connection is left in the kernel" [ "$(count TlsCurrTxSw)" = 0 ]
grep -E 'TxSw|RxSw' /proc/net/tls_stat | sed 's/^/# /'
echo "# up $(cut -d' ' -f1 /proc/uptime) s"
echo done
poweroff -f

#!/bin/sh
# A participant that does not run the pack: its half of the exchange with plain openssl commands, as the documents say.
#
#   openssl_participant.sh publish FOLDER EXCHANGE ID HOST ORGANISATION   makes keys, CA, certificates, request; publishes them
#   openssl_participant.sh sign    FOLDER EXCHANGE ID                     signs the hub's request for its client certificate
#   openssl_participant.sh collect FOLDER EXCHANGE ID                     takes what the hub published, opens the sealed secret
#   openssl_participant.sh digest  FOLDER EXCHANGE ID                     prints the digests to compare with the hub's by telephone
#
# FOLDER is the participant's own (private), EXCHANGE the folder it shares with the hub. Every verb may be repeated: what is
# there stays. What still waits for the hub is reported, and is no error. Private keys in FOLDER:
#   ca.key server.key client.key jws.key exchange.key
set -eu
umask 077

[ $# -ge 4 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
verb=$1 folder=$2 out=$3/$4/participant in=$3/$4/hub shared=$3 id=$4
mkdir -p "$folder" "$out"

# Replaces $1 with the standard input, whole or not at all; leaves it alone when it already says the same.
put() {
    cat >"$1.new"
    [ -s "$1.new" ] || { rm "$1.new"; echo "$1 cannot be made" >&2; exit 1; }
    if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi
}

ec_key() { [ -s "$1" ] || { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.new" && mv "$1.new" "$1"; }; }
rsa_key() { [ -s "$1" ] || { openssl genpkey -quiet -algorithm RSA -pkeyopt "rsa_keygen_bits:$2" -out "$1.new" && mv "$1.new" "$1"; }; }
serial() { printf '0x4%s' "$(openssl rand -hex 15)"; }
awaited() { echo "waits for the hub: $1"; }

publish() {
    host=$1 organisation=$2
    cd "$folder"
    ec_key ca.key
    [ -s ca.pem ] || openssl req -x509 -new -key ca.key -sha256 -days 3650 -subj "/O=$organisation/CN=$id CA" \
        -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign | put ca.pem
    ec_key server.key
    [ -s server.pem ] || { openssl req -new -key server.key -subj "/O=$organisation/CN=$host" | issue serverAuth "DNS:$host" | put server.pem; }
    ec_key client.key
    [ -s client.csr ] || openssl req -new -key client.key -subj "/O=$organisation/CN=$id" | put client.csr
    rsa_key jws.key 3072
    openssl pkey -in jws.key -pubout | put jws.pem
    rsa_key exchange.key 3072
    [ -s exchange.pem ] || openssl req -x509 -new -key exchange.key -sha256 -days 1095 -subj "/O=$organisation/CN=$id" \
        -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature,keyEncipherment | put exchange.pem
    for name in ca.pem server.pem client.csr jws.pem exchange.pem; do put "$out/$name" <"$name"; done
}

# Signs the request on standard input with the own CA: extended key usage $1, alternative name $2.
issue() {
    {
        echo 'basicConstraints=critical,CA:FALSE'
        echo 'keyUsage=critical,digitalSignature'
        echo "extendedKeyUsage=$1"
        [ -z "$2" ] || echo "subjectAltName=$2"
        echo 'subjectKeyIdentifier=hash'
        echo 'authorityKeyIdentifier=keyid:always'
    } >extensions.cnf
    openssl x509 -req -CA ca.pem -CAkey ca.key -sha256 -days 365 -set_serial "$(serial)" -extfile extensions.cnf 2>/dev/null
    rm extensions.cnf
}

sign() {
    cd "$folder"
    [ -s "$in/client.csr" ] || { awaited 'the request for its client certificate (client.csr)'; return; }
    openssl req -in "$in/client.csr" -noout -verify 2>/dev/null || { echo 'the signature of client.csr is wrong' >&2; exit 1; }
    wanted=$(openssl req -in "$in/client.csr" -noout -pubkey)
    if [ ! -s hub-client.pem ] || [ "$(openssl x509 -in hub-client.pem -noout -pubkey)" != "$wanted" ]; then
        names=$(openssl req -in "$in/client.csr" -noout -text | sed -n '/Subject Alternative Name/{n;s/^ *//;p;}')
        # The names go into a configuration file: only those of plain letters may.
        case $names in *[!A-Za-z0-9:.,_\ -]*) echo 'client.csr asks for unusual names' >&2; exit 1 ;; esac
        issue clientAuth "$names" <"$in/client.csr" | put hub-client.pem
    fi
    put "$out/client.pem" <hub-client.pem
    put "$out/client-chain.pem" <ca.pem
    # What the own listener lets in: exactly this certificate.
    openssl x509 -in hub-client.pem -outform DER | openssl dgst -sha256 -r | cut -d' ' -f1 | put hub-client.sha256
}

collect() {
    cd "$folder"
    if [ -s "$in/ca.pem" ]; then put hub-ca.pem <"$in/ca.pem"; else awaited 'its CA (ca.pem)'; fi
    if [ -s "$in/client.pem" ] && [ -s hub-ca.pem ]; then
        [ "$(openssl x509 -in "$in/client.pem" -noout -pubkey)" = "$(openssl pkey -in client.key -pubout)" ] ||
            { echo 'client.pem is not for the key client.key' >&2; exit 1; }
        openssl verify -purpose sslclient -CAfile hub-ca.pem "$in/client.pem" >/dev/null
        put client.pem <"$in/client.pem"
    else
        awaited 'the signed client certificate (client.pem)'
    fi
    if [ -s "$in/oauth.p7m" ]; then
        openssl cms -decrypt -inform PEM -in "$in/oauth.p7m" -recip exchange.pem -inkey exchange.key | put credentials.json
    else
        awaited 'the credentials of the OAuth client (oauth.p7m)'
    fi
    mkdir -p jws-keys
    for key in "$shared"/jws/*.pem; do [ ! -s "$key" ] || put "jws-keys/${key##*/}" <"$key"; done
}

# The digest of the publication in folder $1: one line for each certificate and key, sorted.
digest_of() {
    line() { sha256sum | sed "s/ .*/  $1/"; }
    {
        [ ! -s "$1/ca.pem" ] || awk '/-----BEGIN/ { pem = "" } { pem = pem $0 "\n" } /-----END/ { printf "%s", pem | each; close(each) }' \
            each="openssl x509 -outform DER | sha256sum | sed 's/ .*/  ca/'" "$1/ca.pem"
        for name in client server; do
            [ ! -s "$1/$name.csr" ] || openssl req -in "$1/$name.csr" -noout -pubkey | openssl pkey -pubin -outform DER | line "$name-key"
        done
        [ ! -s "$1/jws.pem" ] || openssl pkey -pubin -in "$1/jws.pem" -outform DER | line jws-key
        [ ! -s "$1/exchange.pem" ] || openssl x509 -in "$1/exchange.pem" -noout -pubkey | openssl pkey -pubin -outform DER | line exchange-key
    } | LC_ALL=C sort | sha256sum | sed 's/ .*//; s/^/sha256:/'
}

digest() {
    echo "$id for hub: $(digest_of "$out")"
    if [ -s "$in/ca.pem" ]; then echo "hub for $id: $(digest_of "$in")"; else awaited 'its publication'; fi
}

# Paths are used after a change of directory.
folder=$(cd "$folder" && pwd) out=$(cd "$out" && pwd) shared=$(cd "$shared" && pwd)
in=$shared/$id/hub
case $verb in
    publish) [ $# -eq 6 ] || { echo 'publish needs HOST and ORGANISATION' >&2; exit 2; }; publish "$5" "$6" ;;
    sign) sign ;;
    collect) collect ;;
    digest) digest ;;
    *) echo "unknown verb $verb" >&2; exit 2 ;;
esac

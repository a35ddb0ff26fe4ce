#!/bin/sh
# Makes the certificates, lists and keys that the tests read, with OpenSSL 3.0.
# Run it in this folder; keys that no test needs are removed at the end.
set -e
export OPENSSL_CONF=make.cnf

ec() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" 2>/dev/null; }
# sign NAME SUBJECT ISSUER EXTENSIONS START END [OPTION...]
sign() {
    name=$1 subject=$2 issuer=$3 extensions=$4 start=$5 end=$6; shift 6
    [ -f "$name.key" ] || ec "$name"
    openssl req -new -utf8 -key "$name.key" -subj "$subject" -out "$name.csr"
    if [ "$issuer" = self ]; then
        set -- -selfsign -keyfile "$name.key" "$@"
    else
        set -- -cert "$issuer.crt" -keyfile "$issuer.key" "$@"
    fi
    openssl ca -batch -notext -in "$name.csr" -out "$name.crt" -extensions "$extensions" \
        -startdate "$start" -enddate "$end" "$@" 2>/dev/null
}
rm -f ./*.crt ./*.crl ./*.key ./*.pem ./*.der ./*.csr index* serial*
: > index.txt; echo 1000 > serial; echo 01 > crlnumber
old=20200101000000Z then=20250101000000Z later=20990101000000Z

sign root "/O=Portway Test/CN=root" self authority $old $later
sign middle "/O=Portway Test/CN=middle" root authority $old $later
sign lower "/O=Portway Test/CN=lower" middle authority $old $later
sign narrow "/O=Portway Test/CN=narrow" root ca0 $old $later
sign below_narrow "/O=Portway Test/CN=below narrow" narrow authority $old $later
sign too_deep "/CN=too deep" below_narrow leaf $old $later
sign leaf "/C=DE/O=Portway \"Test\", Inc./CN=leaf" middle leaf $old $later
sign direct "/CN=direct" root leaf $old $later
sign deep "/CN=deep" lower leaf $old $later
sign server "/CN=server" root server $old $later
sign client "/CN=client" root client $old $later
sign expired "/CN=expired" root leaf $old $then
sign future "/CN=future" root leaf 20980101000000Z $later
sign critical "/CN=critical" root critical $old $later
sign notca "/CN=not a ca" root leaf $old $later
sign by_notca "/CN=by not a ca" notca leaf $old $later
sign constrained "/O=Portway Test/CN=constrained" root constrained $old $later
sign inside "/CN=inside" constrained inside $old $later
sign outside "/CN=outside" constrained server $old $later
sign sha1 "/CN=sha1" root leaf $old $later -md sha1
sign self "/CN=self" self selfsigned $old $later
sign old_middle "/O=Portway Test/CN=old middle" root authority $old $then
sign by_old "/CN=by old" old_middle leaf $old $later
sign responder "/CN=responder" root responder $old $later
sign utf8 "/CN=Zürich, \\+ \"x\"/emailAddress=a@b.c" root leaf $old $later
openssl req -new -x509 -key self.key -subj "/CN=v1" -days 30000 -out v1.crt -config v1.cnf
openssl genrsa -out rsa.key 2048 2>/dev/null
sign rsa "/CN=rsa" root leaf $old $later
openssl genrsa -out weak.key 1024 2>/dev/null
sign weak "/CN=weak" root leaf $old $later
openssl genpkey -algorithm ed25519 -out ed25519.key
sign ed25519 "/CN=ed25519" root authority $old $later
sign by_ed25519 "/CN=by ed25519" ed25519 leaf $old $later -md null
cp rsa.key rsaca.key
sign rsaca "/CN=rsaca" root authority $old $later
sign by_rsa_sha256 "/CN=by rsa" rsaca leaf $old $later
sign by_rsa_pss "/CN=by rsa pss" rsaca leaf $old $later -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1
openssl x509 -in root.crt -addtrust serverAuth -addreject clientAuth -out trusted.crt -trustout

crl() { openssl ca -gencrl -cert "$1.crt" -keyfile "$1.key" -out "$2.crl" -crl_lastupdate "$3" -crl_nextupdate "$4" 2>/dev/null; }
crl root root_clean $old $later
crl middle middle $old $later
crl root root_expired $old $then
openssl ca -revoke direct.crt -cert root.crt -keyfile root.key -crl_reason keyCompromise 2>/dev/null
openssl ca -revoke server.crt -cert root.crt -keyfile root.key 2>/dev/null
crl root root $old $later

ocsp() { # NAME CERTIFICATE SIGNER [OPTION...]
    name=$1 certificate=$2 signer=$3; shift 3
    openssl ocsp -issuer root.crt -cert "$certificate.crt" -no_nonce -reqout request.der
    openssl ocsp -index index.txt -CA root.crt -rsigner "$signer.crt" -rkey "$signer.key" \
        -reqin request.der -respout "$name.der" "$@" >/dev/null 2>&1
}
ocsp ocsp_good client root -ndays 36500
ocsp ocsp_revoked direct root -ndays 36500
ocsp ocsp_delegated client responder -ndays 36500
ocsp ocsp_by_leaf client server -ndays 36500
ocsp ocsp_unknown leaf root -ndays 36500
openssl ocsp -issuer root.crt -cert client.crt -no_nonce -reqout request.der

openssl pkcs8 -topk8 -nocrypt -in rsa.key -out rsa_pkcs8.key
openssl rsa -traditional -in rsa.key -out rsa_pkcs1.key 2>/dev/null
openssl pkcs8 -topk8 -nocrypt -in self.key -out ec_pkcs8.key
openssl pkcs8 -topk8 -in self.key -passout pass:secret -v2 aes256 -out ec_aes256.key
openssl pkcs8 -topk8 -in self.key -passout pass:secret -v2 aes128 -v2prf hmacWithSHA1 -out ec_aes128_sha1.key
openssl pkcs8 -topk8 -in self.key -passout pass:secret -v2 des3 -out ec_des3.key
openssl pkcs8 -topk8 -in self.key -passout pass:secret -scrypt -out ec_scrypt.key
openssl pkcs8 -topk8 -in self.key -passout pass:secret -v1 PBE-SHA1-3DES -out ec_pbes1.key
for cipher in aes128 aes192 aes256 des3; do
    openssl rsa -traditional -in rsa.key -$cipher -passout pass:secret -out rsa_old_$cipher.key 2>/dev/null
    openssl ec -in self.key -$cipher -passout pass:secret -out ec_old_$cipher.key 2>/dev/null
done
openssl ecparam -name secp384r1 -genkey -noout -out p384.key
sign p384 "/CN=p384" root leaf $old $later
(openssl ecparam -name prime256v1; cat self.key) > ec_with_parameters.key

for key in *.key; do
    case $key in rsa*|ec_*|self.key|p384.key|ed25519.key|server.key|client.key|leaf.key) ;; *) rm "$key" ;; esac
done
rm -f ./*.csr index* serial* crlnumber* 10*.pem rsaca.key rsa_old_aes192.key

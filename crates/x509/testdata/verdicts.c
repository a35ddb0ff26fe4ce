/*
 * Asks OpenSSL 3.0 what is wrong with the chains that verdicts.txt lists:
 *   cc verdicts.c -lcrypto -o /tmp/verdicts && cut -d= -f1 verdicts.txt | /tmp/verdicts
 * A line: trusted certificates, lists, chain (names with commas, or "-"), purpose, depth, security
 * level, and "p" for partial chains. Appended: each error with its position.
 */
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

static int go_on(int ok, X509_STORE_CTX *ctx)
{
    if (!ok)
        printf(" %d@%d", X509_STORE_CTX_get_error(ctx), X509_STORE_CTX_get_error_depth(ctx));
    return 1;
}

static BIO *file(const char *name, const char *ending)
{
    char path[300];
    snprintf(path, sizeof(path), "%s.%s", name, ending);
    return BIO_new_file(path, "r");
}

static STACK_OF(X509) *certificates(char *names)
{
    STACK_OF(X509) *list = sk_X509_new_null();
    for (char *name = strtok(names, ",-"); name; name = strtok(NULL, ",-"))
        sk_X509_push(list, PEM_read_bio_X509_AUX(file(name, "crt"), NULL, NULL, NULL));
    return list;
}

int main(void)
{
    char line[500], trusted[100], lists[100], chain[100], purpose[20], partial[2];
    int depth, level;
    while (fgets(line, sizeof(line), stdin)) {
        partial[0] = 0;
        sscanf(line, "%s %s %s %s %d %d %1s", trusted, lists, chain, purpose, &depth, &level, partial);
        line[strcspn(line, "\n")] = 0;
        printf("%s =", line);
        X509_STORE *store = X509_STORE_new();
        STACK_OF(X509) *anchors = certificates(trusted), *sent = certificates(chain);
        for (int i = 0; i < sk_X509_num(anchors); i++)
            X509_STORE_add_cert(store, sk_X509_value(anchors, i));
        if (strcmp(lists, "-") != 0) {
            for (char *name = strtok(lists, ","); name; name = strtok(NULL, ","))
                X509_STORE_add_crl(store, PEM_read_bio_X509_CRL(file(name, "crl"), NULL, NULL, NULL));
            X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
        }
        X509_STORE_CTX *ctx = X509_STORE_CTX_new();
        X509_STORE_CTX_init(ctx, store, sk_X509_value(sent, 0), sent);
        X509_STORE_CTX_set_default(ctx, purpose);
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
        X509_VERIFY_PARAM_set_depth(param, depth);
        X509_VERIFY_PARAM_set_auth_level(param, level);
        X509_VERIFY_PARAM_set_time(param, 1795539207);
        if (partial[0])
            X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
        X509_STORE_CTX_set_verify_cb(ctx, go_on);
        X509_verify_cert(ctx);
        printf("\n");
    }
}

package Example;

# A configuration of conf.example as it stands, started where a test can: other
# paths and ports, and Flashduty's name answered by a TLS server with a
# certificate of a CA made for the test.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);

use Gateway;

my $EXAMPLES = abs_path(dirname(__FILE__) . '/../../conf.example');

# Takes what Gateway->new takes, and certified: the name in Flashduty's
# certificate.
sub gateway {
    my ($class, $name, %config) = @_;

    my $certified = delete $config{certified} || 'api.flashcat.cloud';
    my $t = Gateway->new(%config, ports => ['TLS'], conf => in_test(slurp("$EXAMPLES/$name")));
    certify($t->dir, $certified);

    my $include = slurp("$EXAMPLES/flashduty_proxy.conf");
    replace(\$include, '/etc/ssl/certs/ca-certificates.crt', $t->dir . '/ca.crt');
    $t->write_file('flashduty_proxy.conf', $include);
    return $t;
}

sub in_test {
    my ($conf) = @_;

    replace(\$conf, 'load_module modules/ngx_http_flashduty_module.so;', "%%LOAD%%\ndaemon off;");
    replace(\$conf, 'user www-data;',            '%%USER%%');
    replace(\$conf, '/run/nginx.pid',            '%%DIR%%/nginx.pid');
    replace(\$conf, '/var/log/nginx/',           '%%DIR%%/');
    replace(\$conf, 'listen 8080;',              'listen 127.0.0.1:%%PORT%%;');
    replace(\$conf, 'server api.flashcat.cloud:443;', 'server 127.0.0.1:%%TLS%%;');
    replace(\$conf, 'integration_key=KEY',       'integration_key=%%KEY%%');
    replace(\$conf, "http {\n", <<'EOC');
http {
%%TEMP_PATHS%%
%%READY_SERVER%%

    server {
        listen 127.0.0.1:%%TLS%% ssl;
        server_name api.flashcat.cloud;
        ssl_certificate %%DIR%%/flashduty.crt;
        ssl_certificate_key %%DIR%%/flashduty.key;
        access_log off;

        location / {
            if ($ssl_server_name != api.flashcat.cloud) {
                return 421;
            }
            proxy_set_header Host $host;
            proxy_pass http://127.0.0.1:%%PEER%%;
        }
    }

EOC
    # valgrind lets nobody change its limit.
    $conf =~ s/^worker_rlimit_nofile.*//m if $ENV{TEST_NGINX_VALGRIND};
    return $conf;
}

# An example that no longer holds what is looked for must not pass unnoticed.
sub replace {
    my ($text, $old, $new) = @_;

    $$text =~ s/\Q$old\E/$new/g or die "the example has no \"$old\"\n";
    return;
}

sub certify {
    my ($dir, $name) = @_;

    openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-CA "
            . "-keyout $dir/ca.key -out $dir/ca.crt");
    openssl("req -newkey rsa:2048 -nodes -subj /CN=$name "
            . "-keyout $dir/flashduty.key -out $dir/flashduty.csr");
    openssl("x509 -req -in $dir/flashduty.csr -days 2 -CA $dir/ca.crt -CAkey $dir/ca.key "
            . "-CAcreateserial -out $dir/flashduty.crt");
    return;
}

sub openssl {
    my ($arguments) = @_;

    my $output = `openssl $arguments 2>&1`;
    die "openssl $arguments:\n$output" if $?;
    return;
}

sub slurp {
    my ($path) = @_;

    open my $file, '<:raw', $path or die "cannot read $path: $!\n";
    local $/;
    return scalar <$file>;
}

1;

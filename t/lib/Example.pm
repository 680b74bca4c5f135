package Example;

# A configuration of conf.example as it stands, started where a test can: other
# paths and ports, and Flashduty's name answered by a TLS server with a
# certificate of a CA made for the test.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);

use Client;
use Gateway;

my $EXAMPLES = abs_path(dirname(__FILE__) . '/../../conf.example');

# Takes the arguments of Gateway->new, and certified: the name in Flashduty's certificate; dns: the
# port of the DNS server of an example that asks one; instead: texts of the example, each with what
# stands in its place.
sub gateway {
    my ($class, $name, %config) = @_;

    my $certified = delete $config{certified} || 'api.flashcat.cloud';
    my $instead   = delete $config{instead} || {};
    my $conf      = in_test(slurp("$EXAMPLES/$name"), delete $config{dns});
    replace(\$conf, $_, $instead->{$_}) for keys %$instead;
    my $t         = Gateway->new(%config, ports => [ 'TLS', 'STATUS' ], conf => $conf);
    certify($t, $certified);
    $t->write_file('integration.key', "$t->{key}\n", 0600) if $conf =~ /integration\.key/;

    my $include = slurp("$EXAMPLES/flashduty_proxy.conf");
    replace(\$include, '/etc/ssl/certs/ca-certificates.crt', $t->dir . '/trusted.crt');
    # A handshake under valgrind takes longer than Flashduty ever should.
    $include =~ s/^(proxy_\w+_timeout \d+)s/${1}0s/mg if Client::IS_SLOW;
    $t->write_file('flashduty_proxy.conf', $include);
    return $t;
}

sub in_test {
    my ($conf, $dns) = @_;

    replace(\$conf, 'load_module modules/ngx_http_flashduty_module.so;', "%%LOAD%%\ndaemon off;");
    replace(\$conf, 'user www-data;',            '%%USER%%');
    # One worker: each keeps connections of its own, and logs when it gets to it.
    replace(\$conf, 'worker_processes auto;',    'worker_processes 1;');
    replace(\$conf, '/run/nginx.pid',            '%%DIR%%/nginx.pid');
    replace(\$conf, '/var/log/nginx/',           '%%DIR%%/');
    $conf =~ s{/var/lib/nginx/flashduty/}{%%DIR%%/}g;
    replace(\$conf, 'listen 8080;',              'listen 127.0.0.1:%%PORT%%;');
    $conf =~ s/listen 127\.0\.0\.1:8081;/listen 127.0.0.1:%%STATUS%%;/;
    if ($dns) {
        replace(\$conf, 'resolver 10.0.0.2 10.0.0.3 ipv6=off;', "resolver 127.0.0.1:$dns ipv6=off;");
        replace(\$conf, 'https://api.flashcat.cloud/', 'https://api.flashcat.cloud:%%TLS%%/');
        replace(\$conf, 'resolver_timeout 1s;', 'resolver_timeout %%SHORT%%;');
    }
    else {
        replace(\$conf, 'server api.flashcat.cloud:443 max_fails=0;', 'server 127.0.0.1:%%TLS%% max_fails=0;');
    }
    if ($conf !~ /flashduty_integration_key_file integration\.key;/) {
        replace(\$conf, 'integration_key=KEY', 'integration_key=%%KEY%%');
    }
    # Long enough for a busy machine to make no difference.
    $conf =~ s/^    flashduty_spool .*\n\K/    flashduty_spool_after 60s;\n/m;
    replace(\$conf, "http {\n", <<'EOC');
http {
%%TEMP_PATHS%%
%%READY_SERVER%%

    log_format connection $connection;
    server {
        listen 127.0.0.1:%%TLS%% ssl;
        server_name api.flashcat.cloud;
        ssl_certificate %%DIR%%/flashduty.crt;
        ssl_certificate_key %%DIR%%/flashduty.key;
        access_log %%DIR%%/connections.log connection;

        location / {
            if ($ssl_server_name != api.flashcat.cloud) {
                return 421;
            }
            proxy_set_header Host $host;
            proxy_pass http://127.0.0.1:%%PEER%%;
        }
    }

EOC
    # valgrind does not let its limit be changed.
    $conf =~ s/^worker_rlimit_nofile.*//m if $ENV{TEST_NGINX_VALGRIND};
    return $conf;
}

# Replaces text in an example; dies if the example no longer has it, so that a change does not pass
# unnoticed.
sub replace {
    my ($text, $old, $new) = @_;

    $$text =~ s/\Q$old\E/$new/g or die "the example has no \"$old\"\n";
    return;
}

# Gives Flashduty a certificate for this name, by a CA that is trusted or by one that the gateway
# does not know; valid for so many days, 2 if none are given; with further names, as openssl takes
# them.
sub certify {
    my ($t, $name, $is_trusted, $days, $names) = @_;

    my $dir = $t->dir;
    my $key = 'req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
    for my $ca (grep { !-e "$dir/$_.crt" } 'trusted', 'unknown') {
        openssl("$key -x509 -days 2 -subj /CN=$ca-CA -keyout $dir/$ca.key -out $dir/$ca.crt");
    }
    my $ca = $is_trusted // 1 ? 'trusted' : 'unknown';
    openssl("$key -subj /CN=$name -keyout $dir/new.key -out $dir/new.csr");
    $t->write_file('names.cnf', $names ? "subjectAltName = $names\n" : '');
    openssl("x509 -req -in $dir/new.csr -days @{[ $days // 2 ]} -CA $dir/$ca.crt -CAkey $dir/$ca.key "
            . "-CAcreateserial -extfile $dir/names.cnf -out $dir/new.crt");
    # Renames: newer versions of nginx notice an overwritten file only when the clock has moved on.
    rename "$dir/new.$_", "$dir/flashduty.$_" or die "cannot rename: $!\n" for 'key', 'crt';
    return;
}

# Number of connections that the pushes so far have taken.
sub connections {
    my ($t) = @_;

    my %seen = map { $_ => 1 } split /\n/, $t->settle->read_file('connections.log');
    return scalar keys %seen;
}

sub openssl {
    my ($arguments) = @_;

    my $output = `openssl $arguments 2>&1`;
    die "openssl $arguments:\n$output" if $?;
    return;
}

# Text of a file of conf.example, unchanged.
sub text {
    my ($class, $name) = @_;
    return slurp("$EXAMPLES/$name");
}

sub slurp {
    my ($path) = @_;

    open my $file, '<:raw', $path or die "cannot read $path: $!\n";
    local $/;
    return scalar <$file>;
}

1;

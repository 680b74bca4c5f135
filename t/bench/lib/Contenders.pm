package Contenders;

# Contenders of the bench, and the peer that stands in for Flashduty.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);

use Instance;

our @EXPORT = qw(start_peer start_passing_peer start_contender NAMES);

# The load and the peer have a core; a contender has the other one, or shares
# theirs.
use constant {
    CONTENDER_CORE => 0,
    LOAD_CORE      => 1,
};

my $BENCH = abs_path(dirname(__FILE__) . '/..');

my $PUSH = 'proxy_pass http://flashduty/event/push/alert/standard?integration_key=KEY;';

my $UPSTREAM = <<'EOC';
    upstream flashduty {
        server 127.0.0.1:%%PEER%%;
        keepalive 64;
        keepalive_requests 1000000000;
        keepalive_timeout 1h;
    }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
EOC

# The body that Lua or njs has made goes out with headers of its own, as the module's does.
my $OWN_HEADERS = <<'EOC';
            proxy_pass_request_headers off;
            proxy_set_header Content-Type "application/json; charset=utf-8";
            proxy_set_header Connection "";
EOC

my $LUA = <<'EOC';
    lua_package_path "%%BENCH%%/?.lua;;";
    init_by_lua_block {
        require "blueking"
    }
EOC

# nginx's own `return` answers before the body has come.
my $READ_ONLY = <<'EOC';
        location = /blueking {
            echo_read_request_body;
            echo -n "{}";
        }
EOC

my $FLOOR = <<"EOC";
        location = /blueking {
            $PUSH
        }
EOC

my $MODULE = <<"EOC";
        location = /blueking {
            flashduty_push /flashduty;
        }
        location = /preview {
            flashduty_preview;
        }
        location = /flashduty {
            internal;
            $PUSH
        }
EOC

my $LUA_BODY = <<"EOC";
        location = /blueking {
            access_by_lua_block {
                ngx.req.read_body()
                local event = require("blueking").translate(ngx.req.get_body_data())
                if not event then
                    return ngx.exit(400)
                end
                ngx.req.set_body_data(event)
            }
$OWN_HEADERS
            $PUSH
        }
EOC

my $LUA_CAPTURE = <<"EOC";
        location = /blueking {
            content_by_lua_block {
                local blueking = require "blueking"
                ngx.req.read_body()
                local event, key = blueking.translate(ngx.req.get_body_data())
                if not event then
                    return ngx.exit(400)
                end
                local answer = ngx.location.capture("/flashduty",
                    { method = ngx.HTTP_POST, body = event })
                local is_taken, id = blueking.taken(answer.status, answer.body)
                ngx.status = is_taken and 200 or 502
                ngx.header.content_type = "application/json"
                ngx.print(blueking.encode({
                    outcome = is_taken and "delivered" or "failed", request_id = id, alert_key = key,
                }))
            }
        }
        location = /flashduty {
            internal;
$OWN_HEADERS
            $PUSH
        }
EOC

my $NJS = <<"EOC";
        location = /blueking {
            js_content blueking.push;
        }
        location = /flashduty {
            internal;
            subrequest_output_buffer_size 16k;
$OWN_HEADERS
            $PUSH
        }
EOC

my %CONTENDERS = (
    'read only'     => { load => ['echo'],       server => $READ_ONLY },
    'proxy_pass'    => { load => [],             server => $FLOOR },
    'this module'   => { load => ['%%MODULE%%'], server => $MODULE },
    'Lua, body'     => { load => ['lua'],        server => $LUA_BODY,    http => $LUA },
    'Lua, capture'  => { load => ['lua'],        server => $LUA_CAPTURE, http => $LUA },
    'njs'           => { load => ['njs'],        server => $NJS,
        http => "    js_import %%BENCH%%/blueking.js;\n" },
);

use constant NAMES => ('read only', 'proxy_pass', 'this module', 'Lua, body', 'Lua, capture', 'njs');

# Answers as Flashduty does, once it has read the body: nginx would not keep a
# connection on which the answer came first. It shows the last body on demand.
sub start_peer {
    return Instance->start(
        name   => 'the peer',
        core   => LOAD_CORE,
        load   => ['lua'],
        values => { BODY_BUFFER => '4m' },
        server => <<'EOC',
        location / {
            content_by_lua_block {
                ngx.req.read_body()
                local answer = '{"request_id":"4fd0a8a1c3a14d41b2a1f5cb4e2b7b6f",'
                    .. '"data":{"alert_key":"17161930461000001"}}'
                ngx.header.content_type = "application/json"
                ngx.header.content_length = #answer
                ngx.print(answer)
                if package.loaded.kept then
                    package.loaded.kept = ngx.req.get_body_data()
                end
            }
        }
        location = /keep {
            content_by_lua_block {
                package.loaded.kept = ""
                ngx.print("from now on")
            }
        }
        location = /kept {
            content_by_lua_block {
                ngx.print(package.loaded.kept)
                package.loaded.kept = nil
            }
        }
EOC
    );
}

# The same by nginx alone: what is passed on has been read.
sub start_passing_peer {
    my ($nginx) = @_;
    my $held = Instance::held_port();
    return Instance->start(
        name   => 'the peer',
        core   => LOAD_CORE,
        values => { ANSWERS => $held->sockport, COMMAND => [$nginx] },
        server => <<'EOC',
        location / {
            proxy_pass http://127.0.0.1:%%ANSWERS%%;
        }
    }
    server {
        listen 127.0.0.1:%%ANSWERS%%;
        location / {
            default_type application/json;
            return 200 '{"request_id":"4fd0a8a1c3a14d41b2a1f5cb4e2b7b6f","data":{"alert_key":"17161930461000001"}}';
        }
EOC
    );
}

sub start_contender {
    my ($name, $peer, $module, %value) = @_;

    my $contender = $CONTENDERS{$name};
    return Instance->start(
        name   => $name,
        core   => CONTENDER_CORE,
        load   => [ map { $_ eq '%%MODULE%%' ? $module : $_ } @{ $contender->{load} } ],
        http   => $UPSTREAM . ($contender->{http} // ''),
        server => $contender->{server},
        values => { PEER => $peer->{port}, BENCH => $BENCH, %value },
    );
}

1;

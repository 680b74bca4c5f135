# `make help` lists the targets.
#
# With NGINX_SRC=dir, an nginx source tree, module and tests are built for that nginx instead;
# NGINX_FLAGS are then its ./configure arguments, those that `nginx -V` of your nginx prints.

SHELL := /bin/bash

ifneq ($(words $(CURDIR)),1)
$(error nginx's build takes no path with spaces: move "$(CURDIR)" to one without)
endif

BUILD := $(CURDIR)/build
MODULE := $(BUILD)/ngx_http_flashduty_module.so

CXX ?= g++
WARNINGS := -Wall -Wextra -Werror
CXXFLAGS := -std=c++17 -g -O1 -fno-exceptions -fno-rtti $(WARNINGS)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined

CORE := $(wildcard src/core/*.cpp)
CORE_HEADERS := $(wildcard src/core/*.hpp)
SPOOL := $(wildcard src/spool/*.cpp)
SPOOL_HEADERS := $(wildcard src/spool/*.hpp)
STATUS := $(wildcard src/status/*.cpp)
STATUS_HEADERS := $(wildcard src/status/*.hpp)
API := $(wildcard src/api/*.cpp)
API_HEADERS := $(wildcard src/api/*.hpp)
GLUE := $(shell find src/nginx -type f)
SOURCES := $(CORE) $(CORE_HEADERS) $(SPOOL) $(SPOOL_HEADERS) $(STATUS) $(STATUS_HEADERS) \
    $(API) $(API_HEADERS) $(GLUE)
FUZZ_NAMES := $(patsubst t/fuzz/%_fuzz.cpp,%,$(wildcard t/fuzz/*_fuzz.cpp))
FUZZERS := $(FUZZ_NAMES:%=$(BUILD)/fuzz/%_fuzz)
FUZZ_SECONDS ?= 60
# Test files at once: those with nginx mostly wait.
TEST_JOBS ?= $(shell echo $$((2 * $$(nproc))))
UNIT_TESTS := $(patsubst t/unit/%.cpp,$(BUILD)/unit/%,$(wildcard t/unit/*_test.cpp))

BUILD_PACKAGES := g++ make libyajl-dev libsqlite3-dev libssl-dev libpcre2-dev zlib1g-dev
ifdef NGINX_SRC
NGINX_SOURCE := $(BUILD)/nginx-source
NGINX := $(BUILD)/nginx/$(if $(wildcard $(NGINX_SRC)/src/core/angie.h),angie,nginx)
NGINX_FLAGS ?= --with-compat --with-debug --with-threads --with-http_ssl_module \
    --with-http_v2_module --with-http_auth_request_module --with-http_realip_module \
    $(shell [ ! -d '$(NGINX_SRC)/src/http/v3' ] || echo --with-http_v3_module)
else
NGINX_SOURCE := /usr/share/nginx/src
BUILD_PACKAGES += nginx nginx-dev
NGINX := nginx
endif
DEBIAN_NGINX := $(BUILD)/debian/nginx

.PHONY: help module run fleet test unit nginx-tests test-asan fuzz fuzz-corpus check-memory coverage soak kill chaos nemesis \
    test-promtool test-browser compat bench bench-spool bench-api bench-fleet bench-fleet-store bench-memory bench-profile bench-core \
    bench-core-update install clean

module: $(MODULE)

define HELP
make run            the gateway on 127.0.0.1:8080, with a sample alert shown on its way through
make fleet          three of them that share a PostgreSQL, and what to type to make each fail
make test           all tests that CI runs without sanitizers
make module         build/ngx_http_flashduty_module.so for the nginx that is installed
make install        installs it: DESTDIR=, MODULES_DIR=
make unit           tests of core, spool and status
make nginx-tests    t/*.t with real nginx processes
make compile_commands.json   for clangd and its like
make deb            the Debian package, for the nginx of this Debian
make rpm            the RPM, where nginx-mod-devel is
make image          a container image, an OCI archive
make dist           a release: tarball, checksum, SBOM
make clean

Longer ones, see CONTRIBUTING.md:
make test-asan      t/*.t under AddressSanitizer and UndefinedBehaviorSanitizer
make check-memory   all tests under valgrind
make fuzz           the core fuzzed for FUZZ_SECONDS (60), beginning with t/fuzz/corpus
make coverage       what the unit tests reach of src/core
make kill           nginx processes killed KILLS (200) times under load
make chaos          every fault at once for CHAOS_SECONDS (120), repeatable by CHAOS_SEED
make nemesis        three edges of a fleet, and every fault, for NEMESIS_SECONDS (300)
make soak           20,000 requests to one nginx under valgrind
make test-browser   the status page in a real browser
make test-promtool  metrics and alert rules by Prometheus's own tool
make compat         t/*.t with the nginx of a source tree, NGINX_SRC=dir
make compat-all     the same with each tree in TREES=dir
make test-deb       the package in clean roots of Debian 12 and 13, upgraded under load
make test-image     an alert through the image; test-kubernetes, test-rpm: what they need
make bench-core     what the core costs, in instructions, held against what it has cost
make bench          what a request costs, beside plain nginx, Lua and njs: t/bench/RESULTS.md
make bench-spool    what the spool takes and gives: t/bench/SPOOL_RESULTS.md
make bench-api      what flashduty_api costs while a million events wait: t/bench/API_RESULTS.md
make bench-fleet    what a fleet takes, tells and takes over: t/bench/FLEET_RESULTS.md
make bench-fleet-store   what PostgreSQL takes for an event, by how many wait
make bench-memory   what a worker takes for odd bodies

NGINX_SRC=dir builds and tests with the nginx of a source tree.
endef

help:
	$(info $(HELP))
	@:

run: $(MODULE) | test-packages
	exec perl conf.example/run/run.pl $(NGINX) $(MODULE)

fleet: $(MODULE) | test-packages
	exec perl conf.example/run/fleet.pl $(NGINX) $(MODULE)

test: unit nginx-tests test-package

unit: $(UNIT_TESTS)
	CMOCKA_MESSAGE_OUTPUT=TAP prove -j$$(nproc) -e '' $(UNIT_TESTS)

nginx-tests: $(MODULE) $(BUILD)/failing_sync.so $(BUILD)/old_sqlite.so \
    $(BUILD)/late_notice.so $(BUILD)/bench/slow_sync.so | test-packages
	@$(NGINX) -v
	TEST_NGINX_BINARY=$(NGINX) TEST_FLASHDUTY_MODULE=$(MODULE) \
	    TEST_FAILING_SYNC=$(BUILD)/failing_sync.so TEST_OLD_SQLITE=$(BUILD)/old_sqlite.so \
	    TEST_LATE_NOTICE=$(BUILD)/late_notice.so TEST_SLOW_SYNC=$(BUILD)/bench/slow_sync.so \
	    prove -j$(TEST_JOBS) -It/lib t/*.t

# What SQLite points into only counts as lost, perhaps, where a test's child ends with it.
VALGRIND := valgrind -q --leak-check=full --errors-for-leak-kinds=definite --error-exitcode=1

# All tests once more under valgrind, the unit tests built without sanitizers: a long while.
check-memory: $(MODULE) | test-packages valgrind-packages
	$(MAKE) BUILD=$(BUILD)/plain SANITIZE= unit-programs
	CMOCKA_MESSAGE_OUTPUT=TAP prove -j$$(nproc) -e '$(VALGRIND)' $(BUILD)/plain/unit/*_test
	TEST_NGINX_VALGRIND=1 $(MAKE) TEST_JOBS=$$(nproc) nginx-tests

# What is new is left in $(BUILD)/fuzz/found, a failure beside it.
fuzz: $(FUZZERS)
	$(MAKE) -j2 $(FUZZ_NAMES:%=fuzz-%)

FUZZ_SEEDS_body := t/payloads
FUZZ = $(BUILD)/fuzz/$*_fuzz $(FUZZ_FLAGS) -artifact_prefix=$(BUILD)/fuzz/$*-
FUZZ_FLAGS := -dict=t/fuzz/fuzz.dict -timeout=10 -rss_limit_mb=2048 -detect_leaks=1 \
    -print_final_stats=1

.PHONY: $(FUZZ_NAMES:%=fuzz-%)
$(FUZZ_NAMES:%=fuzz-%): fuzz-%: $(BUILD)/fuzz/%_fuzz
	@mkdir -p $(BUILD)/fuzz/found/$*
	@for limits in '-runs=0' '-max_total_time=$(FUZZ_SECONDS) -max_len=16384'; do \
	    echo "fuzzing $*: $$limits"; \
	    $(FUZZ) $$limits $(BUILD)/fuzz/found/$* t/fuzz/corpus/$* $(FUZZ_SEEDS_$*) \
	        2>$(BUILD)/fuzz/$*.log || { tail -n 60 $(BUILD)/fuzz/$*.log; exit 1; }; \
	done
	@grep -E 'DONE|stat::number|stat::peak' $(BUILD)/fuzz/$*.log

# Takes into t/fuzz/corpus what of build/fuzz/found reaches something new.
fuzz-corpus: $(FUZZERS)
	rm -rf $(BUILD)/fuzz/merged
	for name in $(FUZZ_NAMES); do \
	    mkdir -p $(BUILD)/fuzz/merged/$$name && \
	    $(BUILD)/fuzz/$${name}_fuzz -merge=1 -use_counters=0 -max_len=16384 \
	        $(BUILD)/fuzz/merged/$$name t/fuzz/corpus/$$name $(BUILD)/fuzz/found/$$name || exit 1; \
	done
	rm -rf t/fuzz/corpus
	cp -R $(BUILD)/fuzz/merged t/fuzz/corpus

GCOVR := gcovr --root . --filter src/core/ $(BUILD)/coverage

# What the unit tests reach of src/core: branches and lines of each file, and those not reached.
coverage: | test-packages coverage-packages
	$(MAKE) BUILD=$(BUILD)/coverage SANITIZE='--coverage -O0' unit-programs
	find $(BUILD)/coverage -name '*.gcda' -delete
	CMOCKA_MESSAGE_OUTPUT=TAP prove -j$$(nproc) -e '' $(BUILD)/coverage/unit/*_test
	$(GCOVR) --branches
	$(GCOVR) --fail-under-line 97

# 20,000 good and bad requests to one nginx under valgrind, which may keep nothing of them: some
# minutes.
soak: $(MODULE) | test-packages valgrind-packages
	TEST_NGINX_BINARY=$(NGINX) TEST_FLASHDUTY_MODULE=$(MODULE) prove -v -It/lib t/soak/memory.t

# What Prometheus's own tool says of the metrics and of conf.example's rules. Debian's package is
# only unpacked: installed, it would start a server.
PROMTOOL := $(or $(shell command -v promtool),$(BUILD)/prometheus/usr/bin/promtool)

test-promtool: $(MODULE) $(PROMTOOL) | test-packages
	TEST_NGINX_BINARY=$(NGINX) TEST_FLASHDUTY_MODULE=$(MODULE) TEST_PROMTOOL=$(PROMTOOL) \
	    prove -It/lib t/promtool/promtool.t

$(BUILD)/prometheus/usr/bin/promtool:
	@mkdir -p $(BUILD)/prometheus
	cd $(BUILD)/prometheus && { apt-get download -q prometheus || \
	    { apt-get update -q && apt-get download -q prometheus; }; }
	dpkg-deb -x $(BUILD)/prometheus/prometheus_*.deb $(BUILD)/prometheus
	@touch $@

# The status page in Debian's chromium, and its pictures for README.
test-browser: $(MODULE) $(BUILD)/browser/node_modules | test-packages browser-packages
	TEST_NGINX_BINARY=$(NGINX) TEST_FLASHDUTY_MODULE=$(MODULE) NODE_PATH=$(BUILD)/browser/node_modules \
	    prove -It/lib t/browser/*.t

$(BUILD)/browser/node_modules: t/browser/package.json t/browser/package-lock.json | browser-packages
	@mkdir -p $(@D)
	cp $^ $(@D)
	cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

# Processes of nginx killed 200 times under load: no alert lost, none out of order. Two minutes.
kill: $(MODULE) | test-packages
	TEST_NGINX_BINARY=$(NGINX) TEST_FLASHDUTY_MODULE=$(MODULE) TEST_SPOOL_KILLS=$(or $(KILLS),200) \
	    prove -v -It/lib t/spool_kill.t

# Kills, outages, reloads, upgrades, bad disks, power failures, steps of the clock and events that
# cannot be digested, for CHAOS_SECONDS: nothing lost, out of order, too fast or dead too young.
chaos: $(MODULE) $(BUILD)/failing_sync.so $(BUILD)/bench/slow_sync.so | test-packages
	TEST_NGINX_BINARY=$(NGINX) TEST_FLASHDUTY_MODULE=$(MODULE) \
	    TEST_FAILING_SYNC=$(BUILD)/failing_sync.so TEST_SLOW_SYNC=$(BUILD)/bench/slow_sync.so \
	    CHAOS_SECONDS=$(or $(CHAOS_SECONDS),120) prove -v -It/lib t/chaos/*.t

# Three edges of a fleet, a PostgreSQL with two standbys, a wire between any two, and for
# NEMESIS_SECONDS everything that can go wrong with them: nothing lost, no last word of an alert but
# its last event, no more than the rate.
nemesis: $(MODULE) | test-packages
	TEST_NGINX_BINARY=$(NGINX) TEST_FLASHDUTY_MODULE=$(MODULE) \
	    NEMESIS_SECONDS=$(or $(NEMESIS_SECONDS),300) prove -v -It/lib t/nemesis/*.t

.PHONY: unit-programs
unit-programs: $(UNIT_TESTS)

# t/*.t with AddressSanitizer and UndefinedBehaviorSanitizer in module and nginx alike; Debian's
# nginx, or that of NGINX_SRC. Never unloaded, the module has its functions named in every report.
test-asan: $(if $(NGINX_SRC),,$(DEBIAN_NGINX))
	$(MAKE) BUILD=$(BUILD)/asan NGINX_SRC='$(or $(NGINX_SRC),$(DEBIAN_NGINX))' \
	    OPTIMIZE='-O1 -fno-omit-frame-pointer -fsanitize=address,undefined' \
	    LD_OPT='-fsanitize=address,undefined -Wl,-z,nodelete $(BUILD)/asan/sanitizers.o' nginx-tests

# Disks that are worse than this one, an older SQLite, a worker that hears late, preloaded into nginx.
$(BUILD)/failing_sync.so: t/lib/failing_sync.c
$(BUILD)/old_sqlite.so: t/lib/old_sqlite.c
$(BUILD)/late_notice.so: t/lib/late_notice.c
$(BUILD)/bench/slow_sync.so: t/bench/slow_sync.c
$(BUILD)/failing_sync.so $(BUILD)/old_sqlite.so $(BUILD)/late_notice.so \
$(BUILD)/bench/slow_sync.so: | build-packages
	@mkdir -p $(@D)
	$(CC) -shared -fPIC -O1 -g $(WARNINGS) -o $@ $<

$(BUILD)/sanitizers.o: t/lib/sanitizers.c | build-packages
	@mkdir -p $(@D)
	$(CC) -c -DUBSAN_SUPPRESSIONS='"$(CURDIR)/t/lib/ubsan.supp"' -o $@ $<

# t/*.t with the nginx of a source tree.
compat:
	$(MAKE) BUILD=$(BUILD)/compat \
	    NGINX_SRC='$(or $(NGINX_SRC),$(error compat needs NGINX_SRC=dir, an nginx source tree))' \
	    nginx-tests

BENCH := $(BUILD)/bench
BODIES := $(BENCH)/bodies/made

# Fails where a body takes 5 % more instructions than t/bench/core_instructions.txt says, or a whole
# request than t/bench/request_instructions.txt. What is meant to cost more: make bench-core-update, in a commit of its own.
bench-core bench-core-update: $(BENCH)/core_bench $(MODULE) $(BODIES) | valgrind-packages
	perl t/bench/core.pl $(if $(@:bench-core=),update,check) $< $(BENCH) \
	    t/bench/core_instructions.txt
	perl t/bench/request.pl $(if $(@:bench-core=),update,check) $(NGINX) $(MODULE) $(BENCH) \
	    t/bench/request_instructions.txt

# These load Debian's modules for Lua and njs, so they measure with Debian's nginx, on two cores that
# should have nothing else to do. Some minutes each.
WITH_DEBIAN = $(if $(NGINX_SRC),$(error this measures with Debian's nginx and takes no NGINX_SRC))

bench: $(BENCH)/core_bench $(BODIES) | bench-packages
	$(WITH_DEBIAN)perl t/bench/bench.pl $(MODULE) $< $(BENCH) t/bench/RESULTS.md

bench-spool: $(MODULE) $(BENCH)/fill_spool $(BENCH)/slow_sync.so | bench-packages
	$(WITH_DEBIAN)perl t/bench/spool.pl $(MODULE) $(BENCH)/fill_spool $(BENCH)/slow_sync.so \
	    t/bench/SPOOL_RESULTS.md

bench-api: $(MODULE) $(BENCH)/fill_spool | bench-packages
	$(WITH_DEBIAN)perl t/bench/api.pl $(MODULE) $(BENCH)/fill_spool t/bench/API_RESULTS.md

bench-fleet-store: $(BENCH)/fleet_store_bench
	$<

bench-fleet: $(MODULE) $(BENCH)/fleet_store_bench | test-packages bench-packages
	perl t/bench/fleet.pl $(MODULE) $(NGINX) $(BENCH)/fleet_store_bench t/bench/FLEET_RESULTS.md

bench-memory: $(MODULE) $(BODIES) | bench-packages
	$(WITH_DEBIAN)perl t/bench/memory.pl $(MODULE) $(BENCH)

# Where a worker spends its time on bodies of one size: make bench-profile SIZE=16k
SIZE ?= 3k
bench-profile: $(MODULE) $(BODIES) | bench-packages profile-packages
	$(WITH_DEBIAN)perl t/bench/profile.pl $(MODULE) $(BENCH) $(SIZE)

# What was built is installed as it is.
install: $(if $(wildcard $(MODULE)),,$(MODULE))
	install -D -m 644 $(MODULE) \
	    $(DESTDIR)$(or $(MODULES_DIR),/usr/lib/nginx/modules)/$(notdir $(MODULE))

clean:
	rm -rf $(BUILD)

include packaging/packaging.mk

# ---------------------------------------------------------------- what is missing

PACKAGES_build = $(BUILD_PACKAGES)
# Of PostgreSQL tests run a server of their own.
PACKAGES_test := libcmocka-dev perl ca-certificates sqlite3 libfaketime postgresql
PACKAGES_valgrind := valgrind
# An npm that came with nodejs does as well as Debian's.
PACKAGES_browser = chromium nodejs $(if $(shell command -v npm),,npm) fonts-roboto-unhinted \
    fonts-dejavu-core fonts-wqy-microhei
PACKAGES_fuzz := clang libclang-rt-dev llvm
PACKAGES_coverage := gcovr
PACKAGES_source := dpkg-dev
PACKAGES_bench := perl util-linux wrk libnginx-mod-http-lua lua-cjson libnginx-mod-http-js \
    libnginx-mod-http-echo
PACKAGES_profile := linux-perf

# An unattended upgrade may hold apt's lock for a while.
APT_WAIT := -o DPkg::Lock::Timeout=600

# Elsewhere than on Debian the compiler says what is missing. One at a time, for apt has one lock;
# what an installation starts does not hold it.
%-packages: FORCE
	@command -v dpkg-query >/dev/null || exit 0; \
	exec 9<Makefile; flock 9; \
	missing=$$(for package in $(PACKAGES_$*); do \
	    [ "$$(dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null)" = installed ] \
	        || echo $$package; done); \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ]; then \
	    echo "missing, install with: sudo apt-get install" $$missing; exit 1; \
	fi; \
	apt-get $(APT_WAIT) update -q && DEBIAN_FRONTEND=noninteractive \
	    apt-get $(APT_WAIT) install -qy --no-install-recommends $$missing 9<&-

# ---------------------------------------------------------------- building

# As many as there are cores, unless make was told how many.
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

# As distributions harden theirs; what they ask for themselves stands behind it.
OPTIMIZE := -O2 -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
LD_OPT := -Wl,-z,relro,-z,now
CC_OPT := $(OPTIMIZE) -g -fno-exceptions $(WARNINGS)
CONFIGURE := --with-cc-opt='$(CC_OPT)' $(if $(LD_OPT),--with-ld-opt='$(LD_OPT)') \
    --builddir=$(BUILD)/nginx --add-dynamic-module=$(CURDIR)

$(MODULE): $(SOURCES) $(BUILD)/nginx/Makefile
	@echo 'building the module$(if $(NGINX_SRC), and nginx): about a minute, see build/make.log'
	@$(MAKE) $(JOBS) -C $(NGINX_SOURCE) -f $(BUILD)/nginx/Makefile $(if $(NGINX_SRC),binary) modules \
	    >$(BUILD)/make.log
	cp $(BUILD)/nginx/$(notdir $@) $@

# ./configure writes into its tree, which may be read-only.
$(BUILD)/nginx/Makefile: config $(BUILD)/target $(filter %.o,$(LD_OPT)) | build-packages
ifdef NGINX_SRC
	rm -rf $(NGINX_SOURCE)
	cp -R '$(NGINX_SRC)/.' $(NGINX_SOURCE)
	chmod -R u+w $(NGINX_SOURCE)
	cd $(NGINX_SOURCE) && configure=$$(ls auto/configure configure 2>/dev/null | head -n 1) && \
	    sh ./$$configure $(NGINX_FLAGS) $(CONFIGURE) \
	        >$(BUILD)/configure.log || { cat $(BUILD)/configure.log; exit 1; }
else
	cd $(NGINX_SOURCE) && . ./conf_flags && ./configure "$${NGX_CONF_FLAGS[@]}" $(CONFIGURE) \
	    >$(BUILD)/configure.log || { cat $(BUILD)/configure.log; exit 1; }
endif

# Changes when another nginx is asked for, its source is, or the module is made of other files.
TARGET = $(if $(NGINX_SRC),$(shell ls -lR '$(NGINX_SRC)' | cksum),installed nginx) $(NGINX_FLAGS) \
    $(SOURCES)

$(BUILD)/target: FORCE
	@mkdir -p $(BUILD)
	@echo '$(TARGET)' | cmp -s - $@ || echo '$(TARGET)' >$@

.PHONY: FORCE
FORCE:

# No Makefile is left by a ./configure that failed.
.DELETE_ON_ERROR:

# The source package of nginx from wherever apt has its packages; the newest that is to be had, for
# a mirror may list one that it does not keep.
APT := -q -o APT::Sandbox::User=root -o Dir::Etc::SourceList=/dev/null \
    -o Dir::Etc::SourceParts=$(BUILD)/debian/sources -o Dir::State=$(BUILD)/debian/state \
    -o Dir::Cache=$(BUILD)/debian/cache

$(DEBIAN_NGINX): | source-packages
	rm -rf $(@D)
	mkdir -p $(addprefix $(@D)/,sources state/lists/partial cache/archives/partial)
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null \
	    | sed -n 's/^deb /deb-src /p' >$(@D)/sources/debian.list
	sed -s 's/^Types:.*/Types: deb-src/; $$G' /etc/apt/sources.list.d/*.sources 2>/dev/null \
	    >$(@D)/sources/debian.sources || true
	apt-get $(APT) update
	cd $(@D) && for version in \
	    $$(apt-cache $(APT) showsrc --only-source nginx | sed -n 's/^Version: //p' | sort -Vru); \
	    do apt-get $(APT) source nginx=$$version && break; done
	mv $(@D)/nginx-*/ $@

UNIT_OBJECTS := $(patsubst src/%.cpp,$(BUILD)/unit/%.o,$(CORE) $(SPOOL) $(STATUS) $(API))

.SECONDARY: $(UNIT_OBJECTS) $(UNIT_TESTS:=.o)

# Each object knows its headers.
DEPENDENCIES = -MMD -MP -MT $@ -MF $@.d
-include $(shell find $(BUILD)/unit $(BUILD)/fuzz -name "*.d" -type f 2>/dev/null)

$(BUILD)/unit/%.o: src/%.cpp | build-packages
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) $(SANITIZE) $(DEPENDENCIES) -c -o $@ $<

$(BUILD)/unit/%_test.o: t/unit/%_test.cpp | build-packages test-packages
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) $(SANITIZE) $(DEPENDENCIES) -Isrc/core -Isrc/spool -Isrc/status -Isrc/api \
	    '-DSOURCE_DIR="$(CURDIR)"' -c -o $@ $<

$(BUILD)/unit/%_test: $(BUILD)/unit/%_test.o $(UNIT_OBJECTS)
	$(CXX) $(CXXFLAGS) $(SANITIZE) -o $@ $^ -lcmocka -lyajl -lcrypto -lsqlite3

FUZZ_OBJECTS := $(CORE:src/core/%.cpp=$(BUILD)/fuzz/core/%.o)
FUZZ_CXX := clang++ $(CXXFLAGS) $(SANITIZE) -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION

.SECONDARY: $(FUZZ_OBJECTS)

$(BUILD)/fuzz/core/%.o: src/core/%.cpp | build-packages fuzz-packages
	@mkdir -p $(@D)
	$(FUZZ_CXX) -fsanitize=fuzzer-no-link $(DEPENDENCIES) -c -o $@ $<

$(BUILD)/fuzz/%_fuzz: t/fuzz/%_fuzz.cpp $(FUZZ_OBJECTS) | build-packages fuzz-packages
	$(FUZZ_CXX) -fsanitize=fuzzer $(DEPENDENCIES) -Isrc/core -o $@ $< $(FUZZ_OBJECTS) -lyajl -lcrypto

# What a compiler was asked to do for each source, as clangd reads it.
compile_commands.json: $(BUILD)/nginx/Makefile FORCE
	{ $(MAKE) -nB -C $(NGINX_SOURCE) -f $(BUILD)/nginx/Makefile modules; \
	  $(MAKE) -n BUILD=$(BUILD)/none unit-programs; } 2>/dev/null \
	    | perl .ci/compile_commands.pl $(CURDIR) $(NGINX_SOURCE) >$@

# Of the very objects that the module is made of.
MODULE_CORE_OBJECTS := $(CORE:src/core/%.cpp=$(BUILD)/nginx/addon/core/%.o)

$(BENCH)/core_bench: t/bench/core_bench.cpp $(MODULE) | valgrind-packages
	@mkdir -p $(@D)
	$(CXX) -std=c++17 -g -O2 -fno-exceptions -fno-rtti $(WARNINGS) -Isrc/core -o $@ $< \
	    $(MODULE_CORE_OBJECTS) -lyajl -lcrypto

$(BENCH)/fill_spool: t/bench/fill_spool.cpp $(SPOOL) $(SPOOL_HEADERS) | build-packages
	@mkdir -p $(@D)
	$(CXX) -std=c++17 -g -O2 -fno-exceptions -fno-rtti $(WARNINGS) -o $@ $< $(SPOOL) -lsqlite3

$(BENCH)/fleet_store_bench: t/bench/fleet_store_bench.cpp $(CORE) $(SPOOL) $(SPOOL_HEADERS) \
    | build-packages test-packages
	@mkdir -p $(@D)
	$(CXX) -std=c++17 -g -O2 -fno-exceptions -fno-rtti $(WARNINGS) -Isrc/core -Isrc/spool \
	    '-DSOURCE_DIR="$(CURDIR)"' -o $@ $< $(CORE) $(SPOOL) -lcmocka -lyajl -lcrypto -lsqlite3

$(BODIES): t/bench/bodies.pl $(wildcard t/payloads/*.json) | test-packages
	perl $< $(@D)
	@touch $@

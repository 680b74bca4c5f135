# What leaves this house: packages, a container image, releases. Part of the Makefile.

VERSION := $(shell sed -n 's/.*kVersion = "\(.*\)";.*/\1/p' src/nginx/base/version.hpp)
RELEASE := nginx-flashduty-$(VERSION)
DEB_NAME := libnginx-mod-http-flashduty

# One that was built for Debian 12 is older than the same for Debian 13.
DEB_REVISION ?= 1~deb$(shell . /etc/os-release && echo $${VERSION_ID:-0})

PACKAGES_deb := debhelper dpkg-dev lintian nginx-dev libyajl-dev libsqlite3-dev libssl-dev
PACKAGES_dist := git
PACKAGES_rpm := rpm
PACKAGES_image := mmdebstrap umoci

.PHONY: deb dist rpm image test-package test-deb test-rpm test-image test-kubernetes compat-all

# What can be said of packages without making one.
test-package: $(MODULE)
	TEST_FLASHDUTY_MODULE=$(MODULE) prove t/package/version.t t/package/hardening.t

# The package of the tree as it is, for the nginx of this Debian. lintian has nothing to say of it.
deb: | deb-packages
	rm -rf $(BUILD)/deb
	mkdir -p $(BUILD)/deb/$(DEB_NAME)-$(VERSION)
	tar -c --exclude=./build --exclude=./.git --exclude=./.cache . \
	    | tar -x -C $(BUILD)/deb/$(DEB_NAME)-$(VERSION)
	cd $(BUILD)/deb/$(DEB_NAME)-$(VERSION) && \
	    perl packaging/debian_changelog.pl '$(DEB_REVISION)' <CHANGES >debian/changelog && \
	    dpkg-buildpackage -b -us -uc
	cd $(BUILD)/deb && lintian --allow-root --fail-on warning $(DEB_NAME)_*.changes
	@ls $(BUILD)/deb/*.deb

# The package in clean roots of Debian 12 and 13: built, installed, upgraded under load, purged; and
# where systemd runs nginx. A quarter of an hour.
PACKAGES_test-deb := mmdebstrap systemd-container
SUITES ?= bookworm trixie

test-deb: | test-packages test-deb-packages
	TEST_SUITES='$(SUITES)' TEST_ROOTS=$(BUILD)/roots prove -v -It/lib t/package/debian.t
	for suite in $(SUITES); do \
	    TEST_SUITE=$$suite TEST_ROOTS=$(BUILD)/roots prove -v -It/lib t/package/systemd.t || exit 1; \
	done

# A release: what is committed, in a tarball that comes out the same wherever it is made, with its
# checksum and its SBOM.
DIST := $(BUILD)/dist/$(RELEASE).tar.gz
COMMIT_TIME = $(shell git log -1 --format=%ct)

dist: | dist-packages
	@git diff --quiet HEAD || { echo 'a release is made of what is committed'; exit 1; }
	@grep -m1 '^Changes with' CHANGES | grep -q ' nginx-flashduty $(VERSION) ' || \
	    { echo 'CHANGES does not begin with version $(VERSION)'; exit 1; }
	@mkdir -p $(BUILD)/dist
	git -c core.autocrlf=false archive --format=tar --prefix=$(RELEASE)/ HEAD | gzip -n9 >$(DIST)
	perl packaging/sbom.pl $(VERSION) $(DIST) $(COMMIT_TIME) >$(BUILD)/dist/$(RELEASE).spdx.json
	cd $(BUILD)/dist && sha256sum $(RELEASE).tar.gz $(RELEASE).spdx.json >$(RELEASE).sha256
	@cat $(BUILD)/dist/$(RELEASE).sha256

SPEC := packaging/nginx-mod-http-flashduty.spec
RPM_DEFINES = -D 'flashduty_version $(VERSION)' $(if $(FLASHDUTY_YAJL),-D 'flashduty_yajl $(FLASHDUTY_YAJL)')

# The RPM, where nginx-mod-devel is.
rpm: dist
	rpmbuild -bb -D '_topdir $(BUILD)/rpm' -D '_sourcedir $(BUILD)/dist' $(RPM_DEFINES) $(SPEC)
	@find $(BUILD)/rpm/RPMS -name '*.rpm'

# A container image without a registry: an OCI archive, for podman, skopeo, ctr and docker.
IMAGE := $(BUILD)/$(RELEASE).oci.tar

image: | image-packages
	$(MAKE) deb
	packaging/image/build.sh $(BUILD)/deb/$(DEB_NAME)_$(VERSION)-*.deb \
	    "$$(. /etc/os-release && echo $$VERSION_CODENAME)" $(VERSION) $(IMAGE)
	@ls -l $(IMAGE)

# An alert through the image, in a container as Kubernetes would run it.
PACKAGES_test-image := runc umoci

test-image: | test-packages test-image-packages
	$(if $(wildcard $(IMAGE)),,$(MAKE) image)
	TEST_IMAGE=$(IMAGE) TEST_ROOTS=$(BUILD)/roots prove -v -It/lib t/package/image.t

# The manifests, held against Kubernetes' own schemas; an unknown field fails, too.
PACKAGES_test-kubernetes = nodejs $(if $(shell command -v npm),,npm)
KUBERNETES := $(BUILD)/kubernetes

test-kubernetes: $(KUBERNETES)/node_modules
	cp t/package/kubernetes.mjs $(KUBERNETES)
	for file in conf.example/kubernetes*.yaml; do node $(KUBERNETES)/kubernetes.mjs $$file || exit 1; done

$(KUBERNETES)/node_modules: t/package/package.json t/package/package-lock.json | test-kubernetes-packages
	@mkdir -p $(@D)
	cp $^ $(@D)
	cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

# The RPM's spec, built on Debian with nginx-dev in place of nginx-mod-devel.
PACKAGES_test-rpm := rpm nginx-dev

test-rpm: dist | test-rpm-packages
	rm -rf $(BUILD)/rpm
	rpmbuild -bb --nodeps --load=packaging/rpm_stubs -D '_topdir $(BUILD)/rpm' \
	    -D '_sourcedir $(BUILD)/dist' $(RPM_DEFINES) $(SPEC) >$(BUILD)/rpm.log 2>&1 || \
	    { tail -n 60 $(BUILD)/rpm.log; exit 1; }
	rpm -qp --nosignature -l --requires $(BUILD)/rpm/RPMS/*/*.rpm

# t/*.t with each nginx whose source tree is a folder of TREES, one after the other. A line for each
# is left in build/compat-all/results, and what the tests said beside it.
TREES ?= $(error compat-all needs TREES=dir, a folder of nginx source trees)
COMPAT := $(BUILD)/compat-all

compat-all:
	@mkdir -p $(COMPAT) && : >$(COMPAT)/results
	@for tree in $(TREES)/*/; do \
	    name=$$(basename $$tree); \
	    $(MAKE) BUILD=$(COMPAT)/$$name NGINX_SRC=$${tree%/} nginx-tests >$(COMPAT)/$$name.log 2>&1; \
	    status=$$?; \
	    echo "$$name: $$(grep -E '^(Result|Files=)' $(COMPAT)/$$name.log | tr '\n' ' ')status $$status" \
	        | tee -a $(COMPAT)/results; \
	done
	@! grep -vq 'status 0$$' $(COMPAT)/results

# One image for every role of jobfs. docs/container.md tells how to run it; in short:
#
#   docker build --tag jobfs .
#   docker run --detach --name jobfs --device /dev/fuse --cap-add SYS_ADMIN \
#       --security-opt apparmor=unconfined --volume jobfs:/var/lib/jobfs --publish 2222:2222 jobfs

# To build the same again, name the base with its digest: --build-arg DEBIAN=...@sha256:...
ARG DEBIAN=docker.io/library/debian:trixie-slim

# --- what needs a compiler: wheels of everything that the lock names, and of jobfs ---
FROM ${DEBIAN} AS build
WORKDIR /build
COPY deploy/packages.sh deploy/
RUN program=Dockerfile && . deploy/packages.sh && forbid_services && \
    quiet_apt update && \
    quiet_apt install --yes --no-install-recommends $packages_to_run $packages_to_build && \
    allow_services

COPY requirements.lock deploy/build.lock ./
RUN python3 -m venv tools && \
    tools/bin/pip install --no-cache-dir --require-hashes --requirement build.lock && \
    tools/bin/pip wheel --no-cache-dir --require-hashes --no-build-isolation --wheel-dir wheels \
        --requirement requirements.lock

COPY pyproject.toml README.md ./
COPY jobfs jobfs
RUN tools/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir wheels . && \
    python3 -m venv --without-pip /opt/jobfs && \
    tools/bin/pip --python /opt/jobfs/bin/python install --no-cache-dir --no-index --no-deps wheels/*.whl

# --- what runs: no compiler, no pip; dpkg's and the wheels' own records tell what is inside ---
FROM ${DEBIAN}
COPY deploy/packages.sh /tmp/
# openssh-server makes host keys when it is installed: they would be the same in every studio.
RUN program=Dockerfile && . /tmp/packages.sh && forbid_services && \
    quiet_apt update && \
    quiet_apt install --yes --no-install-recommends $packages_to_run $packages_to_serve tini && \
    allow_services && \
    rm -rf /tmp/packages.sh /etc/ssh/ssh_host_* /var/lib/apt/lists/* /var/cache/apt/* /var/log/*
COPY --from=build /opt/jobfs /opt/jobfs
COPY deploy/jobfs.toml /etc/jobfs/jobfs.toml
RUN ln -s /opt/jobfs/bin/jobfs /usr/local/bin/jobfs && jobfs --version && \
    jobfs completion bash >>/etc/bash.bashrc

ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="jobfs" \
      org.opencontainers.image.description="A studio's database as the folder tree its photographers see over SFTP" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

ENV LANG=C.UTF-8
# Photos, renditions, the host keys and the SQLite database: everything that must be kept.
VOLUME /var/lib/jobfs
EXPOSE 2222
STOPSIGNAL SIGTERM
# It logs in and lists a folder, as a photographer does. A role alone: docs/container.md.
HEALTHCHECK --interval=30s --timeout=20s --start-period=60s --retries=3 CMD ["jobfs", "health"]
# tini collects the processes that connections leave behind, and passes signals on.
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["jobfs", "up", "--init"]

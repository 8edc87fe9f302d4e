# The images of a deployment, from one file:
#
#   docker build --target api    -t lathe-api .       the service; no model library in it
#   docker build --target worker -t lathe-worker .    workers and the sweep; torch with CUDA
#   docker build --target ops    -t lathe-ops .       api with pg_dump and pg_restore: backups
#
# A worker without CUDA is several gigabytes smaller. Name a package index that has CPU builds
# of torch: --build-arg PIP_EXTRA_INDEX_URL=<your CPU wheel index>
#
# Base images are pinned by version. To pin their bytes too, add the digest that
# `docker buildx imagetools inspect` prints for the tag.

FROM python:3.11.14-slim-trixie AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/venv/bin:$PATH \
    ORT_DISABLE_TELEMETRY=1
# the environment belongs to root, so nothing that runs here can change it
RUN groupadd --gid 10001 lathe \
 && useradd --uid 10001 --gid lathe --home-dir /var/lib/lathe --create-home --shell /usr/sbin/nologin lathe \
 && install --directory --owner=lathe --group=lathe /var/lib/lathe/work /var/lib/lathe/lock /var/lib/lathe/keys \
 && python -m venv /opt/venv
WORKDIR /srv/lathe

# --- packages, in stages of their own so that pip's leftovers stay behind --------------------

FROM base AS api-packages
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
COPY requirements/api.txt requirements/traces.txt requirements/
RUN pip install --no-cache-dir --no-compile --requirement requirements/api.txt --requirement requirements/traces.txt \
 && python -m compileall -q /opt/venv

FROM base AS worker-packages
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
# torch first and alone: its layer is gigabytes and changes least
COPY requirements/torch.txt requirements/
RUN pip install --no-cache-dir --no-compile --requirement requirements/torch.txt
COPY requirements/api.txt requirements/traces.txt requirements/worker.txt requirements/
RUN pip install --no-cache-dir --no-compile --requirement requirements/api.txt --requirement requirements/traces.txt --requirement requirements/worker.txt \
 && python -m compileall -q /opt/venv

# --- what runs -----------------------------------------------------------------------------

FROM base AS api
COPY --from=api-packages /opt/venv /opt/venv
COPY lathe lathe
COPY app app
COPY migrations migrations
RUN python -m compileall -q lathe app migrations
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
# One process: scale by containers, so that each one's /metrics is its own. Connections are
# kept longer than the proxy keeps them, so it never sends into one that is being closed.
CMD ["python", "-m", "app.serve", "--host", "0.0.0.0", "--port", "8000", \
     "--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "20"]

FROM api AS ops
# hadolint ignore=DL3002
USER 0
# the distribution's client has the major version of the server in docker-compose.yml
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends postgresql-client \
 && rm -rf /var/lib/apt/lists/*
USER 10001:10001
HEALTHCHECK NONE
CMD ["python", "-m", "app.backup", "--help"]

FROM base AS worker
# seccomp, the second wall around a child that opens an uploaded file
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libseccomp2 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=worker-packages /opt/venv /opt/venv
COPY lathe lathe
COPY app app
COPY worker worker
COPY migrations migrations
RUN python -m compileall -q lathe app worker migrations
ENV LATHE_SANDBOX=required \
    LATHE_WORK_DIR=/var/lib/lathe/work \
    LATHE_LOCK_PATH=/var/lib/lathe/lock/timing.lock \
    LATHE_SIGNING_KEY_FILE=/var/lib/lathe/keys/signing-key.pem
USER 10001:10001
VOLUME ["/var/lib/lathe/work"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
  CMD ["python", "-m", "worker.healthy"]
CMD ["python", "-m", "worker", "--queue", "cpu"]

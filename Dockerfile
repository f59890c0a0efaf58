# The gateway as a small image: no compiler, no pip cache, no root.
#   docker build -t district-mail-gateway .
#   deploy/compose/compose.yaml shows how to run it.

# --- the wheel, with the locked build tools; nothing of this stage but the wheel is kept
FROM python:3.13-slim-bookworm AS wheel
WORKDIR /src
COPY requirements-dev.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements-dev.lock
COPY pyproject.toml README.md LICENSE ./
COPY gateway/ gateway/
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheel .

# --- the environment, in one folder
FROM python:3.13-slim-bookworm AS environment
RUN python -m venv /opt/mailgw
COPY requirements.lock /tmp/
RUN /opt/mailgw/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r /tmp/requirements.lock
COPY --from=wheel /wheel/ /tmp/wheel/
RUN /opt/mailgw/bin/pip install --no-cache-dir --no-deps /tmp/wheel/*.whl \
    && /opt/mailgw/bin/python -m compileall -q /opt/mailgw/lib \
    && /opt/mailgw/bin/pip uninstall --yes pip

# --- what runs
FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="District Mail Gateway" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --system --gid 10025 mailgw \
    && useradd --system --uid 10025 --gid mailgw --home-dir /var/lib/mailgw --shell /usr/sbin/nologin mailgw \
    && install --directory --owner=mailgw --group=mailgw --mode=0750 /var/lib/mailgw \
    && install --directory /etc/mailgw
COPY --from=environment /opt/mailgw /opt/mailgw
ENV PATH=/opt/mailgw/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MAILGW_CONFIG=/etc/mailgw/gateway.toml \
    MAILGW_HEALTH=http://127.0.0.1:9108/healthz
USER 10025:10025
WORKDIR /var/lib/mailgw
VOLUME /var/lib/mailgw
# inbound and journal, submission, metrics and health
EXPOSE 25 587 2525 9108
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(os.environ['MAILGW_HEALTH'], timeout=4)"]
CMD ["mailgw", "serve"]

# Built once, run anywhere: `docker build -t twofold .`, then `docker run -p 8000:8000 -v twofold:/data twofold`.
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /venv
COPY requirements.lock ./
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY api api
COPY db db
COPY graphql_schema graphql_schema
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --create-home --uid 1000 twofold && mkdir /data && chown twofold /data
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH HOST=0.0.0.0 DATA_DIR=/data PYTHONUNBUFFERED=1
USER twofold
WORKDIR /home/twofold
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ.get(\"PORT\", \"8000\")}/ready')"]
CMD ["twofold", "serve"]

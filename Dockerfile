# One image for every server role; the command says which: consume, api, ui, migrate, simulate.
# The Python is the one that the tests run on.

FROM python:3.11-slim AS build
ENV VIRTUAL_ENV=/opt/runtally UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.8 && uv venv --quiet "$VIRTUAL_ENV"
WORKDIR /build
# Every wheel as the lock has it, by hash; only what a server needs of it. A layer of its own, as it changes seldom.
COPY pyproject.toml requirements.lock ./
RUN uv pip install --compile-bytecode --require-hashes --constraint requirements.lock \
        --requirement pyproject.toml --extra api --extra consumer --extra ui
COPY README.md ./
COPY producer producer
COPY consumer consumer
COPY clickhouse clickhouse
COPY api api
COPY ui ui
COPY cli cli
RUN uv pip install --compile-bytecode --no-deps --build-constraints requirements.lock .

FROM python:3.11-slim
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin runtally
COPY --from=build /opt/runtally /opt/runtally
COPY deploy/healthcheck.py /opt/runtally/healthcheck.py
ENV PATH=/opt/runtally/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 RUNTALLY_HOST=0.0.0.0
USER 10001:10001
WORKDIR /home/runtally
# The API, the dashboard, the consumer's health port.
EXPOSE 8000 8501 9464
ENTRYPOINT ["runtally"]
CMD ["--help"]

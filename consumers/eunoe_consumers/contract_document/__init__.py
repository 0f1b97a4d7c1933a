"""The AsyncAPI document: the contract for publishers in any language, generated from the models of the contract."""

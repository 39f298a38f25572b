"""The messages and services of chainrule.v1 as generated from the .proto files in this folder."""

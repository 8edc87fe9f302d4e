"""Words that most models use, so that a head tells them by their place here.

Operators, attributes and their values, producers, and what doors and axes are often called;
the empty text first. The order is a part of the format.
"""

_WORDS = """
main_graph pytorch Conv Relu MaxPool Gemm Reshape Add MatMul Mul GlobalAveragePool
BatchNormalization Flatten Softmax name value dilations group kernel_shape pads strides
auto_pad NOTSET ceil_mode storage_order allowzero alpha beta transA transB axis axes
keepdims perm epsilon momentum mode to batch N batch_size ai.onnx com.microsoft lathe
Constant Transpose Concat Gather Unsqueeze Squeeze Slice Split Shape Cast Clip Sub Div Sqrt
Pow Erf Tanh Sigmoid Identity Expand Where ReduceMean AveragePool LSTM GRU RNN
LayerNormalization Gelu HardSigmoid HardSwish LeakyRelu Elu PRelu Dropout Pad Resize
ConvTranspose Exp Log Neg Abs QuantizeLinear DequantizeLinear QLinearConv QLinearMatMul
ConvInteger MatMulInteger DynamicQuantizeLinear MatMulNBits QGemm QLinearAdd
QLinearGlobalAveragePool QLinearConcat QLinearAveragePool onnx.quantize bits block_size K
accuracy_level hidden_size direction bidirectional forward reverse activations
linear_before_reset layout input_forget torch_jit skl2onnx tf2onnx onnxslim 2.13.0+cpu
count_include_pad num_outputs approximate tanh none constant edge reflect nearest linear
cubic coordinate_transformation_mode half_pixel asymmetric align_corners pytorch_half_pixel
nearest_mode floor round_prefer_floor round_prefer_ceil cubic_coeff_a antialias
exclude_outside extrapolation_value keep_aspect_ratio_policy training_mode
noop_with_empty_axes start end fmod largest sorted select_last_index upper batch_dims
reduction exclusive scale output_padding output_shape dtype seed sample_size saturate
output_dtype stash_type spatial_scale location offset length data SCALE_TENSOR
ZERO_POINT_TENSOR checksum value_int value_ints value_float value_floats value_string
value_strings sparse_value then_branch else_branch body If Loop Scan Equal Greater Less
GreaterOrEqual LessOrEqual Not And Or ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1
ReduceL2 ReduceSumSquare ReduceLogSumExp ReduceLogSum ArgMax ArgMin TopK Tile Range
ConstantOfShape GatherElements GatherND ScatterND ScatterElements OneHot CumSum EyeLike
InstanceNormalization GroupNormalization RMSNormalization RotaryEmbedding Attention
DepthToSpace SpaceToDepth Einsum Trilu Size NonZero Ceil Floor Round Sign Reciprocal Sin Cos
Softplus Softsign Selu Celu Mish ThresholdedRelu Hardmax LogSoftmax GlobalMaxPool LRN
LpNormalization LpPool Min Max Mean Sum Mod IsNaN IsInf BitShift SkipLayerNormalization
EmbedLayerNormalization FusedMatMul FusedConv BiasGelu FastGelu MultiHeadAttention
QAttention QuickGelu NhwcConv DynamicQuantizeMatMul MatMulIntegerToFloat
QEmbedLayerNormalization DynamicQuantizeLSTM FusedGemm num_heads activation_alpha
activation_beta clip equation blocksize k1 bias lambd gamma size p high low sequence seq_len
seq sequence_length time channels height width s0 s1 image input output x y logits input_ids
attention_mask token_type_ids x_scale x_zero_point w_scale w_zero_point y_scale y_zero_point
Acos Acosh AffineGrid Asin Asinh Atan Atanh Bernoulli BitCast BitwiseAnd BitwiseNot
BitwiseOr BitwiseXor BlackmanWindow CastLike CausalConvWithState CenterCropPad Col2Im
Compress ConcatFromSequence Cosh CumProd DFT DeformConv Det GlobalLpPool GridSample
HammingWindow HannWindow ImageDecoder LinearAttention MaxRoiPool MaxUnpool
MeanVarianceNormalization MelWeightMatrix Multinomial NegativeLogLikelihoodLoss
NonMaxSuppression Optional OptionalGetElement OptionalHasElement RandomNormal
RandomNormalLike RandomUniform RandomUniformLike RegexFullMatch ReverseSequence RoiAlign
STFT Scatter SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert
SequenceLength SequenceMap Shrink Sinh SoftmaxCrossEntropyLoss SplitToSequence StringConcat
StringNormalizer StringSplit SwiGLU Swish Tan TensorScatter TfIdfVectorizer Unique Upsample
Xor activation batch_axis case_change_action center_point_box chunk_size delimiter
detect_negative detect_positive ignore_index interleaved inverse is_case_sensitive is_causal
k kv_num_heads left_window_size locale max_gram_length max_skip_count maxsplit mean
min_gram_length new_axis ngram_counts ngram_indexes num_groups num_scan_inputs offset_group
onesided output_datatype output_height output_width padding_mode pattern periodic
pixel_format pool_int64s pool_strings pooled_shape precision q_num_heads
qk_matmul_output_mode right_window_size rotary_embedding_dim round_mode sampling_ratio
scan_input_axes scan_input_directions scan_output_axes scan_output_directions shape softcap
softmax_precision stopwords time_axis type update_rule weights
"""
VOCABULARY: tuple[bytes, ...] = (b"", *(word.encode() for word in _WORDS.split()))

namespace Aperture.Decoding;

/// <summary>How checkpoints of an architecture call a decoder's tensors.</summary>
public enum DecoderKeys
{
    /// <summary>
    /// The canonical names, which LLaMA, Mistral, Qwen2, Qwen2-VL and MiniCPM have: <c>embed_tokens</c>, <c>layers.N.input_layernorm</c>,
    /// <c>self_attn.q_proj</c>,
    /// <c>k_proj</c>, <c>v_proj</c>, <c>o_proj</c>, <c>post_attention_layernorm</c>, <c>mlp.gate_proj</c>, <c>up_proj</c>, <c>down_proj</c>, <c>norm</c>,
    /// <c>lm_head</c>.
    /// </summary>
    Canonical,

    /// <summary>Phi: <c>self_attn.dense</c>, <c>mlp.fc1</c>, <c>mlp.fc2</c>, <c>final_layernorm</c>.</summary>
    Phi,

    /// <summary>
    /// InternLM2: <c>tok_embeddings</c>, <c>attention.wqkv</c> (rows by key/value head: its query heads, its key head, its value head), <c>attention.wo</c>,
    /// <c>feed_forward.w1</c>, <c>w3</c>, <c>w2</c>, <c>attention_norm</c>, <c>ffn_norm</c>, <c>output</c>.
    /// </summary>
    InternLm2,
}

namespace Aperture.Text;

/// <summary>How a template joins its parts to a prompt.</summary>
public enum PromptStyle
{
    /// <summary>System and every message end with one separator; roles are followed by a colon.</summary>
    Single,

    /// <summary>As <see cref="Single"/>, with one separator behind the user's messages and another behind answers.</summary>
    Two,

    /// <summary>System and every message end with one separator; roles are markers without a colon.</summary>
    Mpt,

    /// <summary>User messages in <c>[INST]</c>, the system text in <c>&lt;&lt;SYS&gt;&gt;</c> inside the first of them.</summary>
    Llama2,

    /// <summary>As <see cref="Mpt"/>, but a last message that is an answer ends with the second separator.</summary>
    Llama3,

    /// <summary>Messages alone, as in the pre-training of projectors.</summary>
    Plain,

    /// <summary>Qwen2 as a base of vision models: system and messages end with the second separator, line breaks stand before roles.</summary>
    Qwen2,

    /// <summary>Phi-3 as a base of vision models: messages end with the second separator, line breaks stand between messages.</summary>
    Phi3,

    /// <summary>InternVL's Chinese base: as <see cref="Two"/>, with the separators exchanged.</summary>
    InternVlZh,

    /// <summary>The chat template of the llava-hf checkpoints: as <see cref="Single"/> without a system text.</summary>
    LlavaHf,
}

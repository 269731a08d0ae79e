using System.Text.Json;
using Aperture.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.InstDiffEdit;

/// <summary>Ids of sentences, the text of every single id, and ids padded for the encoder.</summary>
public sealed class ClipTokensRunner : IGoldenRunner
{
    public string Area => DiffusionCase.AreaName;

    public string Kind => "clip_tokens";

    public void Run(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        ITokenizer tokenizer = DiffusionCase.Tokenizer(golden, config.GetProperty("vocab_and_merges").GetString()!);
        string[] prompts = DiffusionCase.Texts(config.GetProperty("prompts"));
        int length = config.GetProperty("model_max_length").GetInt32();
        JsonElement[] ids = [.. config.GetProperty("encode").EnumerateArray()], texts = [.. config.GetProperty("decoded_tokens").EnumerateArray()];
        for (int i = 0; i < prompts.Length; i++)
        {
            int[] own = tokenizer.Encode(prompts[i]);
            Assert.Equal(DiffusionCase.Integers(ids[i]), own);
            Assert.Equal(DiffusionCase.Texts(texts[i]), own.Select(id => tokenizer.Decode([id], skipSpecialTokens: false).Trim()));
        }

        (Tensor padded, Tensor mask) = EncoderText.Batch([.. prompts.Select(prompt => EncoderText.Encode(tokenizer, prompt, length))]);
        golden.CompareExact("out.padded", padded);
    }
}

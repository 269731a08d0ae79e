using System.Buffers.Binary;
using System.Text;
using Aperture.Abstractions.Tests.Images;
using Aperture.Abstractions.Tests.Weights;
using Aperture.Decoding;
using Aperture.Files;
using Aperture.Images;
using Aperture.Models;
using Aperture.Text;
using Aperture.Text.Tests;
using Aperture.Weights;

namespace Aperture.Abstractions.Tests.Fuzzing;

/// <summary>Every reader of files of other people, on files that were changed at random: each is read or refused in one line.</summary>
public sealed class ReaderFuzzTests : IDisposable
{
    private const string Config = """
        {"architectures": ["LlavaForConditionalGeneration"], "model_type": "llama", "vocab_size": 64, "hidden_size": 32, "intermediate_size": 64,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "rope_scaling": {"rope_type": "linear", "factor": 2.0}, "tie_word_embeddings": false, "max_position_embeddings": 128}
        """;

    private const string Tokenizer = """
        {"version": "1.0", "added_tokens": [{"id": 5, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
        "special": true}], "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "_"}, {"type": "Replace", "pattern":
        {"String": " "}, "content": "_"}]}, "pre_tokenizer": null, "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>",
        "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [5], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "_"}, "content": " "}, {"type": "ByteFallback"},
        {"type": "Fuse"}]}, "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": false,
        "vocab": {"<unk>": 0, "a": 1, "b": 2, "_": 3, "ab": 4, "<s>": 5}, "merges": ["a b"]}}
        """;

    private readonly TemporaryFolder _folder = new();
    private int _files;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(ImageFileTests.Formats), MemberType = typeof(ImageFileTests))]
    public void Pictures(string format)
        => Fuzz.Run(
            [ImageFileTests.Encoded(format, 24, 17), ImageFileTests.Encoded(format, 3, 40)],
            file => Image.Decode(file, "changed", new ImageDecodeOptions { MaxPixels = 1 << 20 }).ConvertToRgb(),
            isText: false,
            repair: format == "png" ? Checksums : null);

    [Fact]
    public void Safetensors() => Fuzz.Run(
        [
            SafetensorsBytes.Of(
                """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[2,1],"data_offsets":[8,12]}}""", new byte[12]),
            SafetensorsBytes.Of("""{"__metadata__":{"format":"pt"},"c":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}""", new byte[8]),
        ],
        Weights(".safetensors"),
        isText: false);

    [Fact]
    public void Pickled_weights()
    {
        byte[] zipped = new PickleBytes().Dictionary().Mark()
            .Text("w").Tensor("0", 6, 0, [2, 3], [3, 1]).Text("v").Tensor("0", 6, 2, [2], [1]).SetItems().Stop();
        byte[] legacy = new PickleBytes().Dictionary().Mark().Text("w").Tensor("0", 6, 0, [2, 3], [3, 1], legacy: true).SetItems().Stop();
        float[] values = [1, 2, 3, 4, 5, 6];
        Fuzz.Run(
            [PickleBytes.Zip(zipped, ("data/0", PickleBytes.Floats(values))), PickleBytes.Legacy(legacy, ("0", values))], Weights(".pth"), isText: false);
    }

    [Fact]
    public void NumPy_arrays() => Fuzz.Run([NumPy("<f4", "(2, 3)", 24), NumPy("|u1", "(5,)", 5)], InFile(".npy", path => NumpyFile.Read(path)), isText: false);

    [Fact]
    public void Sentence_pieces() => Fuzz.Run(
        [
            TokenizerFolder.Model(false, ("<unk>", 2), ("a", 1), ("ab", 1), ("\u2581", 1)),
            TokenizerFolder.Model(true, [("<unk>", 2), ("a", 1), .. Enumerable.Range(0, 256).Select(i => ($"<0x{i:X2}>", 6))]),
        ],
        file => SentencePieceModel.Parse(file, "changed"),
        isText: false);

    [Fact]
    public void Configurations() => Text(Config, ".json", path => DecoderSpec.Parse(ModelFolder.ReadJson(path), path));

    [Fact]
    public void Image_settings() => Text(
        """
        {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}, "do_resize": true,
        "resample": 3, "image_mean": [0.48, 0.45, 0.40], "image_std": [0.26, 0.26, 0.27], "rescale_factor": 0.0039}
        """,
        ".json",
        path => ClipImageProcessorConfig.Load(path));

    [Fact]
    public void Weight_indices() => Text("""{"metadata": {"total_size": 8}, "weight_map": {}}""", ".index.json", path => ShardedWeights.Open(path).Dispose());

    [Fact]
    public void Captions() => Text("""[{"image_id": 1, "caption": "a b"}, {"image_id": "x", "caption": "c"}]""", ".json", path => CaptionFile.Read(path));

    [Fact]
    public void Tokenizers_in_JSON() => Fuzz.Run(
        [Encoding.UTF8.GetBytes(Tokenizer)],
        file =>
        {
            string folder = Directory.CreateDirectory(_folder[$"{_files++}"]).FullName;
            File.WriteAllBytes(Path.Combine(folder, "tokenizer.json"), file);
            ITokenizer tokenizer = Tokenizers.FromFolder(folder);
            tokenizer.Decode([.. tokenizer.Encode("ab a👟")]);
            Directory.Delete(folder, recursive: true);
        },
        isText: true);

    [Fact]
    public void Chat_templates() => Fuzz.Run(
        [
            .. ((string[])[
                "{% set ns = namespace(n=0) %}{% for m in messages if m.role != 'x' %}{{ '<|' ~ m['role'] + '|>\n' }}{% for c in m['content'] %}"
                + "{% if c['type'] == 'image' %}<image>{% elif 'text' in c %}{{ c.text | trim }}{% endif %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ eos_token }}"
                + "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
                "{%- for m in messages %}{{ raise_exception('no') if loop.index0 % 2 == 3 }}{{ m['content'] | map(attribute='type') | join(', ') }}<image>"
                + "{{ (m.content | selectattr('type', 'equalto', 'text') | list)[-1]['text'].strip()[0:99] | replace('a', 'b') | default('d', true) }}"
                + "{{ {'a': range(3) | length, 'b': -1 // 2}.items() | length is defined and not none }}{%- endfor %}",
            ]).Select(Encoding.UTF8.GetBytes),
        ],
        InFile(".jinja", path =>
        {
            if (ChatTemplate.Read(InputFile.Text(path, 1 << 20), null, out string reason) is null)
            {
                throw new ApertureException(reason);
            }
        }),
        isText: true,
        count: 2000);

    [Fact]
    public void Folders_of_settings() => Fuzz.Run(
        [
            Encoding.UTF8.GetBytes(
                """
                {"max_new_tokens": 5, "num_beams": 2, "do_sample": true, "temperature": 0.7, "top_k": 5, "eos_token_id": [2, 3], "stop_strings": ["a"],
                "peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q"], "alpha_pattern": {"q": 2}, "base_model_name_or_path": "a/b",
                "tokenizer_class": "LlamaTokenizer", "add_bos_token": true, "bos_token": {"content": "<s>"}, "added_tokens_decoder": {"0": {"content": "a"}},
                "image_processor": {"size": {"shortest_edge": 9}}, "chat_template": [{"name": "default", "template": "{{ 1 }}"}],
                "quantization_config": {"quant_method": "fp8", "weight_block_size": [2, 2]}, "model_type": "llava", "text_config": {"eos_token_id": 2}}
                """),
        ],
        file =>
        {
            string path = Directory.CreateDirectory(_folder[$"{_files++}"]).FullName;
            foreach (string name in (string[])["config", "generation_config", "tokenizer_config", "processor_config", "adapter_config"])
            {
                File.WriteAllBytes(Path.Combine(path, name + ".json"), file);
            }

            ModelFolder folder = new(path);
            FolderSettings.Check(folder, KnownSettings.Config.With(KnownSettings.Adapter).With(KnownSettings.Generation), _ => { });
            GenerationSettings.Read(folder, _ => { });
            ChatTemplateFiles.Find(folder);
            TokenizerConfiguration.Read(path);
            LoraConfig.Parse(folder.Json("adapter_config.json"), "adapter_config.json");
            QuantizationSettings.Read(folder);
            if (ImageSettings.Find(folder, _ => { }) is { } pictures)
            {
                ClipImageProcessorConfig.Parse(pictures.Json, pictures.Where, 9);
            }

            Directory.Delete(path, recursive: true);
        },
        isText: true);

    private static byte[] NumPy(string type, string shape, int bytes)
    {
        string header = $"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}".PadRight(117) + "\n";
        return [0x93, .. "NUMPY"u8, 1, 0, 118, 0, .. Encoding.ASCII.GetBytes(header), .. new byte[bytes]];
    }

    private void Text(string seed, string extension, Action<string> read) => Fuzz.Run([Encoding.UTF8.GetBytes(seed)], InFile(extension, read), isText: true);

    private Action<byte[]> Weights(string extension) => InFile(extension, path =>
    {
        using IWeightSource source = WeightFiles.Open(path);
        foreach (string name in source.Names)
        {
            source.Load(name).Dispose();
        }
    });

    private Action<byte[]> InFile(string extension, Action<string> read) => file =>
    {
        string path = _folder.Write($"{_files++}{extension}", file);
        read(path);
        File.Delete(path);
    };

    // The chunks' checksums, so that changes get past them.
    private static byte[] Checksums(byte[] file)
    {
        for (int at = 8; at + 12 <= file.Length;)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at));
            if (length > file.Length - at - 12)
            {
                break;
            }

            Span<byte> chunk = file.AsSpan(at + 4, 4 + (int)length);
            BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(at + 8 + (int)length), PngChecksum.Compute(chunk));
            at += 12 + (int)length;
        }

        return file;
    }
}
